// The official Node SDKs against the gate: what they get, what they raise, when they try again.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";

const { GATE, RECORDS, UNKNOWN_KEY } = process.env;
const KEYS = JSON.parse(process.env.KEYS);
const hello = [{ role: "user", content: "Hello to the gate" }];

const gpt = (key = "app", base = "/v1") => new OpenAI({ baseURL: GATE + base, apiKey: KEYS[key] ?? key });
const claude = (key = "app", base = "") => new Anthropic({ baseURL: GATE + base, apiKey: KEYS[key] ?? key });
const chat = (client, more = {}, options = {}) =>
  client.chat.completions.create({ model: "gpt-4o-mini", messages: hello, ...more }, options);
const message = (client, more = {}, options = {}) =>
  client.messages.create({ model: "claude-haiku-4-5", max_tokens: 64, messages: hello, ...more }, options);

const records = () =>
  readFileSync(RECORDS, "utf8").split("\n").filter(Boolean).map((line) => JSON.parse(line)).filter((r) => r.request_id);

async function newRecords(count, ask) {
  await pause(100); // the records of what was asked before are still being written
  const before = records().length;
  await ask();
  const end = Date.now() + 5000;
  while (records().length - before < count && Date.now() < end) await pause(20);
  await pause(100); // one too many would come now
  const found = records().slice(before);
  assert.equal(found.length, count, JSON.stringify(found.map((r) => [r.event, r.status])));
  return found;
}

test("openai: chat, stream, embeddings, models, responses", async () => {
  assert.match((await chat(gpt())).choices[0].message.content, /Hello to the gate/);
  const times = [];
  for await (const chunk of await chat(gpt(), { stream: true })) if (chunk.choices.length) times.push(Date.now());
  assert.ok(times.length > 5 && times.at(-1) - times[0] > 150);
  const vectors = await gpt().embeddings.create({ model: "text-embedding-3-small", input: "one" });
  assert.ok(vectors.data[0].embedding.length > 8);
  const shown = [];
  for await (const model of gpt().models.list()) shown.push(model.id);
  assert.deepEqual(shown.sort(), ["gpt-4o-mini", "text-embedding-3-large", "text-embedding-3-small"]);
  assert.match((await gpt().responses.create({ model: "gpt-4o-mini", input: "Hello to the gate" })).output_text, /Hello/);
});

test("anthropic: messages, stream, count, models, prefix", async () => {
  assert.match((await message(claude())).content[0].text, /Hello to the gate/);
  const times = [];
  for await (const event of await message(claude(), { stream: true })) times.push(Date.now());
  assert.ok(times.length > 5 && times.at(-1) - times[0] > 100);
  const count = await claude().messages.countTokens({ model: "claude-haiku-4-5", messages: hello });
  assert.ok(count.input_tokens > 0);
  const shown = [];
  for await (const model of claude().models.list()) shown.push(model.id);
  assert.deepEqual(shown, ["claude-haiku-4-5"]);
  assert.ok((await message(claude("app", "/anthropic"))).content.length);
});

const refusals = [
  ["key_malformed", "not-a-key", {}, 401, "AuthenticationError", /not a project key/],
  ["key_unknown", UNKNOWN_KEY, {}, 401, "AuthenticationError", /not known here/],
  ["ip_not_allowed", "elsewhere", {}, 403, "PermissionDeniedError", /127\.0\.0\.1/],
  ["scope_missing", "narrow", {}, 403, "PermissionDeniedError", /lacks the scope 'chat'/],
  ["key_expired", "expired", {}, 403, "PermissionDeniedError", /has expired/],
  ["key_revoked", "revoked", {}, 403, "PermissionDeniedError", /was revoked/],
  ["model_not_allowed", "app", { model: "not-mine" }, 403, "PermissionDeniedError", /not-mine/],
];
for (const [code, key, more, status, kind, words] of refusals) {
  test(`openai: ${code}`, async () => {
    const found = await newRecords(1, () =>
      assert.rejects(chat(gpt(key), more), (error) => {
        assert.ok(error instanceof OpenAI[kind]);
        assert.match(error.message, words);
        assert.deepEqual([error.status, error.code], [status, code]);
        assert.match(error.requestID, /^req_/);
        return true;
      }));
    assert.equal(found[0].reason, code);
  });
  test(`anthropic: ${code}`, async () => {
    const found = await newRecords(1, () =>
      assert.rejects(message(claude(key), more), (error) => {
        assert.ok(error instanceof Anthropic[kind]);
        assert.match(error.message, words);
        assert.equal(error.status, status);
        assert.match(error.requestID, /^req_/);
        return true;
      }));
    assert.equal(found[0].reason, code);
  });
}

test("a doubled prefix is named", async () => {
  await newRecords(1, () => assert.rejects(chat(gpt("app", "/v1/v1")), /\/v1 is doubled/));
  await newRecords(1, () => assert.rejects(message(claude("app", "/v1")), /\/v1 is doubled/));
});

test("a long wait is not retried", async () => {
  await newRecords(1, () => chat(gpt("hourly2")));
  await newRecords(1, () => assert.rejects(chat(gpt("hourly2")), OpenAI.RateLimitError));
  await newRecords(1, () => assert.rejects(message(claude("hourly2")), Anthropic.RateLimitError));
});

test("a short wait is sat out", async () => {
  const found = await newRecords(3, async () => {
    await chat(gpt("brisk"));
    await chat(gpt("brisk"));
  });
  assert.deepEqual(found.map((r) => r.status), [200, 429, 200]);
});

test("the provider's own failures are retried", async () => {
  const once = (name) => ({ messages: [{ role: "user", content: `standin:error=429:once ${name}` }] });
  await newRecords(2, () => chat(gpt(), once("openai-node")));
  await newRecords(2, () => message(claude(), once("anthropic-node")));
  const broken = { messages: [{ role: "user", content: "standin:error=500" }] };
  await newRecords(3, () => assert.rejects(chat(gpt(), broken), OpenAI.InternalServerError));
});

test("the gate's own credential failing is not the caller's fault", async () => {
  const found = await newRecords(1, () => assert.rejects(chat(gpt("badkey", "/stale/v1")), /It is not your key/));
  assert.equal(found[0].reason, "upstream_credential_rejected");
});
