// A service of three durable steps, for the benchmark of runs: node three.mjs PORT
import * as restate from "@restatedev/restate-sdk";

// Node 20 lacks what the SDK asks for
Promise.withResolvers ??= () => {
  let resolve, reject;
  const promise = new Promise((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
};

const three = restate.service({
  name: "Three",
  handlers: {
    run: async (context, number) => {
      const first = await context.run("first", () => number + 1);
      const second = await context.run("second", () => first + 1);
      return await context.run("third", () => second + 1);
    },
  },
});

await restate.serve({ services: [three], port: Number(process.argv[2]) });
