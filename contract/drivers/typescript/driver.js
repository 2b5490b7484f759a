/**
 * The official TypeScript SDK (@datadog/datadog-api-client) under driver protocol 1.
 *
 * It is what a user writes from the SDK's README: a configuration, `v2.RumReplayHeatmapsApi`, object literals in the
 * form of its models. The SDK reads no proxy variable; its setting `fetch` takes the same cross-fetch that it uses
 * itself, with an agent for the proxy. (The README's own way, another `HttpLibrary`, would take its retries away.)
 *
 * Names: the models' members are in camel case; members that the documentation does not have go where the models
 * keep them, into `additionalProperties`. A date is what its type says, a `Date`: milliseconds.
 *
 * Numbers: lines are read and written by `read` and `write` below, since JSON.parse rounds. A model's number is a
 * TypeScript `number`. An integer that no `number` equals cannot be handed over: `unsupported`, and what
 * comes back is written digit by digit, so what is lost in between the SDK has lost.
 *
 * Errors: the SDK documents ApiException and RequiredError. What the fetch that we give it rejects with (FetchError,
 * AbortError) is no whole answer. A plain `Error` is what JavaScript itself never throws, so it is the SDK's word:
 * about the input before anything was sent, about the answer afterwards. All else is a crash, such as a
 * TypeError, which no caller can tell from a slip of the SDK's own.
 */

"use strict";

const readline = require("node:readline");
const { fetch } = require("cross-fetch");
const { client, v2 } = require("@datadog/datadog-api-client");
const { HttpsProxyAgent } = require("https-proxy-agent");

const HELLO = {
  protocol: 1,
  client: "datadog-api-client",
  version: require("@datadog/datadog-api-client/package.json").version,
  language: "typescript",
  features: ["retry", "timeout"],
};

/** The documented members, by the API's names; null: not a model. */
const members = (...names) => Object.fromEntries(names.map((name) => [name, null]));
const UPDATE = {
  data: {
    ...members("id", "type"),
    attributes: members("event_id", "is_device_type_selected_by_user", "session_id", "start", "view_id"),
  },
};
const SNAPSHOT = {
  data: {
    ...members("id", "type"),
    attributes: members(
      "application_id", "created_at", "created_by", "created_by_handle", "created_by_user_id", "device_type",
      "event_id", "is_device_type_selected_by_user", "modified_at", "org_id", "session_id", "snapshot_name", "start",
      "view_id", "view_name",
    ),
  },
};

const agent = new HttpsProxyAgent(process.env.CONTRACT_PROXY_URL);

class Unsupported extends Error {}

/** A number of a line, as it was written. */
class Digits {
  constructor(text) {
    this.text = text;
  }
}

/** Parse JSON, each number to its Digits: they are marked first, and a mark is the only number that is left. */
function read(line) {
  const numbers = [];
  let inText = false;
  const marked = line.replace(/\\.|"|-?[0-9][-+.0-9Ee]*/g, (token) => {
    if (token === '"') inText = !inText;
    return inText || token === '"' ? token : `{"#":${numbers.push(new Digits(token)) - 1}}`;
  });
  return JSON.parse(marked, (_, value) =>
    isObject(value) && typeof value["#"] === "number" ? numbers[value["#"]] : value,
  );
}

/** Write JSON in ASCII, integers digit by digit. */
function write(value) {
  if (value instanceof Digits) return value.text;
  if (Number.isInteger(value) && Math.abs(value) < 1e21) return BigInt(value).toString();
  if (Array.isArray(value)) return `[${value.map(write).join(",")}]`;
  if (isObject(value)) return `{${Object.entries(value).map((pair) => pair.map(write).join(":")).join(",")}}`;
  const escaped = (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(value).replace(/[\u007f-\uffff]/g, escaped);
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function mapped(object, change) {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value)]));
}

function camel(name) {
  return name.replace(/_(.)/g, (_, letter) => letter.toUpperCase());
}

/** Make JavaScript's own values of what was read. */
function plain(value) {
  if (value instanceof Digits) {
    const number = Number(value.text);
    if (/^-?[0-9]+$/.test(value.text) && BigInt(number) !== BigInt(value.text))
      throw new Unsupported(`no number is ${value.text}`);
    return number;
  }
  if (Array.isArray(value)) return value.map(plain);
  return isObject(value) ? mapped(value, plain) : value;
}

/** Put what was read into the form of a model; what is no object stays what it is. */
function modelled(value, model) {
  if (model === null || !isObject(value) || value instanceof Digits) return plain(value);
  const known = [];
  const others = [];
  for (const [name, each] of Object.entries(value))
    if (Object.hasOwn(model, name)) known.push([camel(name), modelled(each, model[name])]);
    else others.push([name, plain(each)]);
  if (others.length) known.push(["additionalProperties", Object.fromEntries(others)]);
  return Object.fromEntries(known);
}

/** Give a model's members the API's names again. */
function documented(value, model) {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (isObject(value) && Object.hasOwn(value, "_data")) return value._data; // the SDK's UnparsedObject
  if (model === null || !isObject(value)) return value;
  const known = Object.entries(model).map(([name, each]) => [name, documented(value[camel(name)], each)]);
  const others = Object.entries(value.additionalProperties ?? {});
  return Object.fromEntries([...known, ...others].filter(([, each]) => each !== undefined));
}

/** Make the call; return the outcome as the protocol names it. */
async function outcomeOf(asked) {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), Number(asked.timeout_s.text) * 1000);
  let sent = false;
  try {
    const configuration = client.createConfiguration({
      authMethods: { apiKeyAuth: asked.api_key, appKeyAuth: asked.app_key },
      enableRetry: asked.retry,
      httpConfig: { signal: controller.signal },
      fetch: (url, options) => {
        sent = true;
        return fetch(url, { ...options, agent });
      },
    });
    configuration.setServerVariables({ site: asked.site });
    const api = new v2.RumReplayHeatmapsApi(configuration);
    const body = modelled(asked.body, UPDATE);
    const snapshot = await api.updateReplayHeatmapSnapshot({ snapshotId: asked.snapshot_id, body });
    return { outcome: "snapshot", snapshot: documented(snapshot, SNAPSHOT) };
  } catch (error) {
    return outcomeOfError(error, sent);
  } finally {
    clearTimeout(timer);
  }
}

function outcomeOfError(error, sent) {
  const { message = String(error), name, constructor } = error ?? {};
  if (error instanceof Unsupported) return { outcome: "unsupported", message };
  if (error instanceof client.ApiException) {
    const { body } = error; // parsed for a 429, else one text that holds the answer's body
    const errors = typeof body === "string" ? [body] : Array.isArray(body?.errors) ? body.errors : [];
    const texts = errors.map((each) => (typeof each === "string" ? each : write(each)));
    return { outcome: "api_error", status: error.code, errors: texts, message };
  }
  if (name === "FetchError" || name === "AbortError") return { outcome: "failed", message };
  if (name === "RequiredError" || constructor === Error)
    return { outcome: sent ? "broken_answer" : "refused", message };
  return { outcome: "crashed", type: constructor?.name ?? typeof error, message, trace: traceOf(error) };
}

/** Return the last frames in the SDK's own code, innermost first. Node keeps the last ten frames of any code. */
function traceOf(error) {
  const frames = [];
  for (const line of String(error?.stack ?? "").split("\n")) {
    const frame = /^ +at (?:(?:async )?(.+) \()?.*\/(@datadog\/datadog-api-client\/.+):([0-9]+):[0-9]+\)?$/.exec(line);
    if (frame) frames.push(`${frame[2]}:${frame[3]} in ${frame[1] ?? "anonymous"}`);
  }
  return frames.slice(0, 5);
}

/** Answer line by line, until bye or the end of the input. There is no hello without the operation. */
async function main() {
  if (!v2?.RumReplayHeatmapsApi?.prototype?.updateReplayHeatmapSnapshot) {
    console.error(`@datadog/datadog-api-client ${HELLO.version} has no v2.RumReplayHeatmapsApi for this operation`);
    process.exit(1);
  }
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const asked = read(line);
    if (asked.cmd === "bye") break;
    let reply = HELLO;
    if (asked.cmd === "echo") reply = { seq: asked.seq, value: asked.value };
    else if (asked.cmd === "update") reply = { seq: asked.seq, ...(await outcomeOf(asked)) };
    await new Promise((written) => process.stdout.write(`${write(reply)}\n`, written));
  }
  process.exit(0);
}

main();
