// Starts the Slack of the package emulate on a free port, and prints its address. It ends with its standard input.
import { createServer } from "node:net";
import { createEmulator } from "emulate";

const probe = createServer();
await new Promise((done) => probe.listen(0, "127.0.0.1", done));
const { port } = probe.address();
await new Promise((done) => probe.close(done));
await createEmulator({ service: "slack", port });
console.log(`http://127.0.0.1:${port}`);
process.stdin.on("close", () => process.exit(0)).resume();
