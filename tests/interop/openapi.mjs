// openapi.mjs URL PORT: /openapi.json is OpenAPI 3.1 to a validator of others, and what is really answered
// fits the schemas that it names. Prints each fault; silent when there is none.
import { Validator } from "@seriousme/openapi-schema-validator";
import Ajv from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

const [url, port] = process.argv.slice(2);
const document = await (await fetch(`${url}/openapi.json`)).json();
const faults = [];
const validator = new Validator();
const verdict = await validator.validate(structuredClone(document));
if (!verdict.valid)
  faults.push(JSON.stringify(verdict.errors, null, 1));
if (validator.version !== "3.1")
  faults.push(`version ${validator.version}`);

const ajv = new Ajv({ strict: false, allErrors: true, logger: false });
addFormats(ajv);
ajv.addSchema(document, "openapi");
const pointer = (...parts) => parts.map((part) => part.replaceAll("~", "~0").replaceAll("/", "~1"))
  .map(encodeURIComponent).join("/");
for (const name of Object.keys(document.components.schemas))
  ajv.compile({ $ref: `openapi#/components/schemas/${pointer(name)}` });

const seen = new Set();
async function check(verb, path, { id, body, query = "", status = 200 } = {}) {
  const answer = await fetch(url + path.replace("{id}", id) + query, { method: verb.toUpperCase(),
    body: body && JSON.stringify(body), headers: body ? { "Content-Type": "application/json" } : {} });
  const value = answer.status === 204 ? undefined : await answer.json();
  const operation = document.paths[path]?.[verb];
  if (!operation)
    return faults.push(`${verb} ${path} is not described`), value;
  if (answer.status !== status)
    faults.push(`${verb} ${path}: ${answer.status} ${JSON.stringify(value)}`);
  const fits = (type, data, ...where) => {
    const test = ajv.compile({ $ref: `openapi#/paths/${pointer(path, verb, ...where, "content", type, "schema")}` });
    if (!test(data))
      faults.push(`${verb} ${path}: ${JSON.stringify(test.errors)} in ${JSON.stringify(data)}`);
  };
  if (body && status < 400)
    fits("application/json", body, "requestBody");
  if (status >= 400) {
    const test = ajv.compile({ $ref: "openapi#/components/schemas/Error" });
    if (!test(value))
      faults.push(`${verb} ${path}: ${JSON.stringify(test.errors)}`);
  } else if (value !== undefined) {
    fits("application/json", value, "responses", String(status));
  } else if (!operation.responses[String(status)]) {
    faults.push(`${verb} ${path}: ${status} is not described`);
  }
  seen.add(`${verb} ${path}`);
  return value;
}

const stream = { udp: { address: "127.0.0.1", port: Number(port) }, payloads: [{ text: "hello" }], rate: { pps: 500 } };
const spec = { name: "described", streams: [{ ...stream, limit: { packets: 20 } }] };
const endless = { streams: [{ ...stream, limit: { untilCancelled: true } }] };
await check("get", "/v1/agent");
await check("get", "/v1/policy");
await check("get", "/v1/interfaces");
await check("get", "/v1/engines");
await check("post", "/v1/jobs:preview", { body: { spec, packets: 3 } });
const job = await check("post", "/v1/jobs", { body: spec, status: 201 });
await check("get", "/v1/jobs/{id}", { id: job.id, query: "?wait=20&until=end" });
await check("get", "/v1/jobs", { query: "?view=JOB_VIEW_FULL" });
const running = await check("post", "/v1/jobs", { body: endless, status: 201 });
for (let state = ""; state !== "JOB_STATE_RUNNING";)
  ({ state } = await check("get", "/v1/jobs/{id}", { id: running.id }));
await check("post", "/v1/jobs/{id}:pause", { id: running.id });
await check("patch", "/v1/jobs/{id}", { id: running.id, body: { rate: { pps: 5 } } });
await check("post", "/v1/jobs/{id}:resume", { id: running.id });
await check("post", "/v1/jobs/{id}:cancel", { id: running.id });
await check("post", "/v1/jobs:cancel", { body: { all: true } });
await check("post", "/v1/jobs:cancel", { body: {}, status: 400 });
await check("delete", "/v1/jobs/{id}", { id: running.id, status: 204 });
await check("get", "/v1/jobs/{id}", { id: "none", status: 404 });
await check("post", "/v1/jobs", { body: { streams: [{ udp: { address: "127.0.0.1", port: 0 } }] }, status: 400 });
for (const [path, operations] of Object.entries(document.paths))
  for (const [verb, operation] of Object.entries(operations))
    if (operation.responses?.["200"]?.content?.["application/json"]?.schema && !seen.has(`${verb} ${path}`))
      faults.push(`${verb} ${path} was not tried`);

// What is wrong must be found: the schemas are no formality.
const strict = ajv.compile({ $ref: "openapi#/components/schemas/Job" });
for (const wrong of [{ id: 7 }, { state: "JOB_STATE_NONSENSE" }, { account: [] }, { revision: {} }])
  if (strict({ ...job, ...wrong }))
    faults.push(`a Job with ${JSON.stringify(wrong)} passes`);
for (const fault of faults)
  console.log(fault);
process.exit(faults.length ? 1 : 0);
