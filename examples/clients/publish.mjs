// publish.mjs: save a workflow, then hear all that it causes.
import { readFileSync } from "node:fs";
import { connect, nkeyAuthenticator } from "@nats-io/transport-node";
import { jetstream } from "@nats-io/jetstream";

const endpoint = JSON.parse(readFileSync(`${process.argv[2]}/endpoint.json`, "utf8"));
const seed = readFileSync(endpoint.nkey_seed_file).subarray(0, 58); // without its newline
const authenticator = nkeyAuthenticator(seed);
// A server that is told of a new peer hangs up on whoever is just coming in: try again.
const again = { waitOnFirstConnect: true, timeout: 2000 };
const client = await connect({ servers: endpoint.nats_url, authenticator, ...again });
const here = `covey.${endpoint.node}`;
const heard = client.subscribe(`${here}.evt.>`, { max: 6 });
const schedule = { start: "2030-03-01T00:00:00", end: "2030-03-03T00:00:00", cron: "0 0 * * *", inclusive_start: true };
const body = { name: "Midnight check", schedule, schedule_active: true };
await jetstream(client).publish(`${here}.cmd.workflow.midnight.save`, JSON.stringify(body));
for await (const message of heard) console.log(message.subject);
await client.close();
