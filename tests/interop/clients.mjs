// clients.mjs URL: every method of both services, by every transport of Connect's own clients. Prints the
// version of Node.js and a line a transport; the first thing that is not as it must be ends the program.
import assert from "node:assert/strict";
import dgram from "node:dgram";
import { gzipSync } from "node:zlib";
import { fromBinary, fromJson, toJson } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import * as node from "@connectrpc/connect-node";
import * as web from "@connectrpc/connect-web";
import { AgentService } from "./pagecast/v1/agent_service_pb.js";
import { EngineKind, JobSpecSchema } from "./pagecast/v1/job_spec_pb.js";
import { JobSchema, JobState, JobView } from "./pagecast/v1/job_pb.js";
import { TransmitService } from "./pagecast/v1/transmit_service_pb.js";

const baseUrl = process.argv[2];
const sink = dgram.createSocket("udp4");
let arrived = 0;
sink.on("message", () => arrived++);
await new Promise((done) => sink.bind(0, "127.0.0.1", done));

const http1 = { baseUrl, httpVersion: "1.1" };
const transports = {
  "node connect json": node.createConnectTransport({ ...http1, useBinaryFormat: false }),
  "node connect proto": node.createConnectTransport({ ...http1, useBinaryFormat: true }),
  "node connect proto, gzip": node.createConnectTransport({
    ...http1, useBinaryFormat: true, sendCompression: node.compressionGzip, compressMinBytes: 1 }),
  "node connect json, get": node.createConnectTransport({ ...http1, useBinaryFormat: false, useHttpGet: true }),
  "node connect proto, get": node.createConnectTransport({ ...http1, useBinaryFormat: true, useHttpGet: true }),
  "node grpc-web proto": node.createGrpcWebTransport({ ...http1, useBinaryFormat: true }),
  "node grpc-web json": node.createGrpcWebTransport({ ...http1, useBinaryFormat: false }),
  "node grpc-web proto, gzip": node.createGrpcWebTransport({
    ...http1, useBinaryFormat: true, sendCompression: node.compressionGzip, compressMinBytes: 1 }),
  "web connect json": web.createConnectTransport({ baseUrl, useBinaryFormat: false }),
  "web connect proto": web.createConnectTransport({ baseUrl, useBinaryFormat: true }),
  "web connect json, get": web.createConnectTransport({ baseUrl, useHttpGet: true }),
  "web grpc-web proto": web.createGrpcWebTransport({ baseUrl, useBinaryFormat: true }),
  "web grpc-web json": web.createGrpcWebTransport({ baseUrl, useBinaryFormat: false }),
};

function spec(packets, more = {}) {
  return {
    name: "interop – ü",
    engine: EngineKind.COPY,
    labels: [{ key: "by", value: "interop" }],
    streams: [{
      destination: { case: "udp", value: { address: "127.0.0.1", port: sink.address().port } },
      payloads: [{ content: { case: "bytes", value: new Uint8Array([0, 255, 1]) } }],
      rate: { kind: { case: "pps", value: 200 } },
      limit: packets ? { kind: { case: "packets", value: BigInt(packets) } }
        : { kind: { case: "untilCancelled", value: true } },
      ...more,
    }],
  };
}

async function failure(promise, code, part) {
  const error = await promise.then(() => assert.fail(`no error where ${Code[code]} was due`),
    (reason) => ConnectError.from(reason));
  assert.equal(error.code, code, error.message);
  assert.match(error.rawMessage, part);
  return error;
}

// A client whose calls are counted, so that no method is left out.
function counting(service, transport, called) {
  const client = createClient(service, transport);
  return new Proxy(client, {
    get(target, name) {
      called.add(name);
      return target[name];
    },
  });
}

async function watchToTheEnd(jobs, id) {
  const events = [];
  for await (const event of jobs.watchJob({ id }))
    events.push(event);
  const revisions = events.map((event) => event.job.revision);
  assert.ok(revisions.every((revision, i) => i === 0 || revision > revisions[i - 1]));
  return events;
}

// The first event of a job, then away: the server must bear that.
async function watchAll(jobs, id) {
  for await (const event of jobs.watchJobs({ labels: [{ key: "by", value: "interop" }] }))
    if (event.job.id === id)
      return event;
  assert.fail("the stream ended");
}

async function drive(transport) {
  const called = new Set();
  const jobs = counting(TransmitService, transport, called);
  const agent = counting(AgentService, transport, called);

  assert.ok((await agent.getAgent({})).startTime.seconds > 1_700_000_000n);
  assert.ok((await agent.getPolicy({})).allowedNetworks.includes("127.0.0.0/8"));
  assert.ok((await agent.listInterfaces({})).interfaces.some(({ name }) => name === "lo"));
  assert.ok((await agent.listEngines({})).engines.length >= 2);

  const preview = await jobs.previewJob({ spec: spec(3), packets: 2 });
  assert.equal(preview.totalPackets, 3n);
  assert.deepEqual([...preview.packets[0].bytes.slice(-3)], [0, 255, 1]);

  const before = arrived;
  const requestId = `interop-${Math.random()}`;
  const first = await jobs.submitJob({ spec: spec(20), requestId });
  assert.equal((await jobs.submitJob({ spec: spec(20), requestId })).id, first.id);
  const events = await watchToTheEnd(jobs, first.id);
  assert.equal(events.at(-1).job.state, JobState.SUCCEEDED);
  const ended = await jobs.getJob({ id: first.id });
  assert.equal(ended.account.packetsSent, 20n);
  assert.equal(ended.spec.name, "interop – ü");
  assert.ok(ended.account.balanced);
  for (let i = 0; arrived < before + 20 && i < 4000; i++)
    await new Promise((done) => setTimeout(done, 5));
  assert.equal(arrived - before, 20);

  const running = await jobs.submitJob({ spec: spec(0) });
  assert.equal((await watchAll(jobs, running.id)).job.id, running.id);
  for (let job = running; job.state !== JobState.RUNNING;)
    job = await jobs.getJob({ id: running.id, view: JobView.BASIC });
  assert.equal((await jobs.pauseJob({ id: running.id })).state, JobState.PAUSED);
  const changed = await jobs.updateJob({ id: running.id, rate: { kind: { case: "pps", value: 50 } } });
  assert.equal(changed.spec.streams[0]?.rate.kind.value ?? 50, 50);
  assert.equal((await jobs.resumeJob({ id: running.id })).state, JobState.RUNNING);
  const late = new AbortController();
  setTimeout(() => late.abort(), 200);
  await failure((async () => {
    for await (const _ of jobs.watchJob({ id: running.id }, { signal: late.signal }));
  })(), Code.Canceled, /./);
  await failure((async () => {
    for await (const _ of jobs.watchJob({ id: running.id }, { timeoutMs: 300 }));
  })(), Code.DeadlineExceeded, /./);
  assert.equal((await jobs.cancelJob({ id: running.id, reason: "seen" })).state, JobState.CANCELLED);
  await jobs.submitJob({ spec: spec(0) });
  assert.equal((await jobs.cancelJobs({ labels: [{ key: "by", value: "interop" }] })).cancelled, 1);

  const page = await jobs.listJobs({ pageSize: 1, states: [JobState.CANCELLED] });
  assert.equal(page.jobs.length, 1);
  assert.ok(page.totalSize >= 2 && page.nextPageToken);
  const next = await jobs.listJobs({ pageSize: 1, states: [JobState.CANCELLED], pageToken: page.nextPageToken });
  assert.notEqual(next.jobs[0].id, page.jobs[0].id);

  await failure(jobs.pauseJob({ id: first.id }), Code.FailedPrecondition, /SUCCEEDED/);
  await jobs.deleteJob({ id: first.id });
  await failure(jobs.getJob({ id: first.id }), Code.NotFound, /no job/);
  await failure((async () => {
    for await (const _ of jobs.watchJob({ id: first.id }));
  })(), Code.NotFound, /no job/);
  const bad = await failure(jobs.submitJob({ spec: spec(1, { destination: {
    case: "udp", value: { address: "127.0.0.1", port: 70000 } } }) }), Code.InvalidArgument, /70000/);
  assert.equal(bad.details[0].type, "google.rpc.BadRequest");
  assert.match(new TextDecoder().decode(bad.details[0].value), /streams\[0\]\.udp\.port/);

  for (const service of [TransmitService, AgentService])
    for (const method of service.methods)
      assert.ok(called.has(method.localName), `${method.localName} was not called`);
}

// What our JSON says, their reader understands and writes alike.
async function readJson() {
  const text = await (await fetch(`${baseUrl}/pagecast.v1.TransmitService/ListJobs`, {
    method: "POST", body: gzipSync('{"view":"JOB_VIEW_FULL","pageSize":1}'),
    headers: { "Content-Type": "application/json", "Content-Encoding": "gzip" } })).json();
  assert.deepEqual(toJson(JobSchema, fromJson(JobSchema, text.jobs[0])), text.jobs[0]);
  const get = `${baseUrl}/v1/jobs/${text.jobs[0].id}`;
  const packed = await fetch(get, { headers: { Accept: "application/x-protobuf" } });
  const job = fromBinary(JobSchema, new Uint8Array(await packed.arrayBuffer()));
  assert.deepEqual(toJson(JobSchema, job), text.jobs[0]);
  const rest = await (await fetch(get)).json();
  assert.deepEqual(toJson(JobSchema, fromJson(JobSchema, rest)), text.jobs[0]);
  assert.deepEqual(toJson(JobSpecSchema, job.spec), text.jobs[0].spec);
}

console.log(`node ${process.version}`);
for (const [name, transport] of Object.entries(transports)) {
  try {
    await drive(transport);
  } catch (error) {
    error.message = `${name}: ${error.message}`;
    throw error;
  }
  console.log(name);
}
await readJson();
console.log("json");
sink.close();
process.exit(0);
