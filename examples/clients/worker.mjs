// worker.mjs: do what the runs of a node ask of a queue, and tell them how it went.
import { readFileSync } from "node:fs";
import { connect, headers, nkeyAuthenticator } from "@nats-io/transport-node";
import { jetstream } from "@nats-io/jetstream";

const endpoint = JSON.parse(readFileSync(`${process.argv[2]}/endpoint.json`, "utf8"));
const seed = readFileSync(endpoint.nkey_seed_file).subarray(0, 58); // without its newline
const authenticator = nkeyAuthenticator(seed);
// A server that is told of a new peer hangs up on whoever is just coming in: try again.
const again = { waitOnFirstConnect: true, timeout: 2000 };
const client = await connect({ servers: endpoint.nats_url, authenticator, ...again });
const queue = await jetstream(client).consumers.get("TASK", "call-slack");
console.log("ready");
for await (const task of await queue.consume({ max_messages: 4 })) {
  const { run, frame, call, key, pointer, arguments: given } = task.json();
  const beat = setInterval(() => task.working(), 1000); // else it is another worker's after 3 s
  let [verb, told] = ["answered", { output: { said: `${given.text}!` } }];
  if (!given.text) {
    const type = "https://open-workflow-specification.org/spec/1.0.0/errors/configuration";
    [verb, told] = ["faulted", { problem: { type, status: 400, detail: "there is no text", instance: pointer } }];
  }
  const once = headers();
  once.set("Nats-Msg-Id", `${key}-${verb}`); // said twice, it takes effect once
  const body = JSON.stringify({ frame, call, ...told });
  await jetstream(client).publish(`covey.${endpoint.node}.cmd.run.${run}.${verb}`, body, { headers: once });
  clearInterval(beat);
  task.ack();
}
