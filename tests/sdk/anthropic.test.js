// anthropic-sdk-typescript as judge.

import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import Anthropic from '@anthropic-ai/sdk'
import { UPSTREAM_IDENTITY, arrivals, forget, keys, records, url } from './gate.js'

const MODEL = 'claude-haiku-4-5'
const client = (key = 'app', root = '', options = {}) =>
  new Anthropic({ baseURL: url + root, apiKey: keys[key] ?? key, ...options })
const asks = (text) => ({ model: MODEL, max_tokens: 1000, messages: [{ role: 'user', content: text }] })
const message = (client, text = 'hello') => client.messages.create(asks(text))

/** The error that `asked` raises, once it says what the table of refusals says. */
async function refused(ErrorClass, code, sentence, asked) {
  const error = await asked.then(() => assert.fail('it was not refused'), (error) => error)
  assert.equal(error.constructor, ErrorClass, String(error))
  assert.equal(error.error.error.details.error_code, code)
  assert.ok(error.error.error.message.includes(sentence), error.message)
  assert.equal(error.headers.get('x-portcullis-reason'), code)
  assert.equal(error.requestID, error.error.request_id)
  assert.ok(error.message.includes(`(request ${error.requestID})`), error.message)
  return error
}

beforeEach(forget)

// ---- what is answered ----

test('message', async () => {
  const answer = await message(client())
  assert.equal(answer.content[0].text, 'The stand-in heard “hello” and asked no model.')
  const [record] = await records(1)
  assert.equal(answer._request_id, record.request_id)
  assert.deepEqual([record.event, record.endpoint, record.upstream], ['served', 'messages', 'anthropic'])
})

test('a streamed message arrives event by event', async () => {
  const stream = await client().messages.create({ ...asks('standin:tokens=30'), stream: true })
  const [events, took] = await arrivals(stream)
  assert.equal(events.filter((event) => event.type === 'content_block_delta').length, 30)
  assert.equal(events.at(-1).type, 'message_stop')
  assert.ok(took > 300, `${took} ms`)
})

test('the stream helper', async () => {
  const whole = await client().messages.stream(asks('standin:tokens=10')).finalMessage()
  assert.equal(whole.usage.output_tokens, 10)
})

test('count tokens', async () => {
  const count = await client().messages.countTokens({ model: MODEL, messages: asks('one two').messages })
  assert.ok(count.input_tokens > 0)
  assert.equal((await records(1))[0].endpoint, 'messages.count_tokens')
})

test('the list of models shows what the project may use', async () => {
  const listed = []
  for await (const model of client().models.list()) listed.push(model.id)
  assert.deepEqual(listed, [MODEL])
})

test('a base URL with the name of the upstream', async () => {
  assert.ok((await message(client('app', '/anthropic'))).content)
  assert.equal((await records(1))[0].path, '/anthropic/v1/messages')
})

test('the key as auth token', async () => {
  const bearer = new Anthropic({ baseURL: url, authToken: keys.app, apiKey: null })
  assert.ok((await message(bearer)).content)
})

test('the key in x-api-key', async () => {
  const headers = { 'x-api-key': keys.app, Authorization: null }
  assert.ok((await client('unused').messages.create(asks('hello'), { headers })).content)
})

test('headers that tell whose account it is stay behind', async () => {
  const { response } = await client().messages.create(asks('hello')).withResponse()
  assert.deepEqual(UPSTREAM_IDENTITY.filter((name) => response.headers.has(name)), [])
})

// ---- what is refused: the SDK's own class, our sentence, code and request id, and one attempt ----

for (const [key, code, sentence] of [
  ['sk-ant-api03-0123456789', 'provider_key_sent', 'looks like a key of Anthropic'],
  ['unknown', 'key_unknown', 'This project key is not known here.'],
]) {
  test(`a key that is none: ${code}`, async () => {
    await refused(Anthropic.AuthenticationError, code, sentence, message(client(key)))
    assert.equal((await records(1))[0].reason, code)
  })
}

for (const [key, code, sentence] of [
  ['expired', 'key_expired', "Project key 'expired' has expired."],
  ['revoked', 'key_revoked', "Project key 'revoked' was revoked."],
  ['away', 'ip_not_allowed', 'Requests from address 127.0.0.1 are not allowed here.'],
  ['embedder', 'scope_missing', "lacks the scope 'chat' for POST /v1/messages"],
]) {
  test(`a key that may not: ${code}`, async () => {
    await refused(Anthropic.PermissionDeniedError, code, sentence, message(client(key)))
    await records(1)
  })
}

test('a model that is not allowed', async () => {
  const asked = client().messages.create({ ...asks('hi'), model: 'claude-opus-4-1' })
  await refused(Anthropic.PermissionDeniedError, 'model_not_allowed', "may not use model 'claude-opus-4-1'", asked)
  await records(1)
})

test('a doubled prefix is named', async () => {
  const asked = message(client('app', '/v1'))
  await refused(Anthropic.NotFoundError, 'endpoint_unknown', 'The prefix /v1 is doubled', asked)
  await records(1)
})

test('two different credentials', async () => {
  const two = client('app', '', { defaultHeaders: { 'api-key': keys.away } })
  await refused(Anthropic.BadRequestError, 'key_conflict', 'Two different credentials', message(two))
  await records(1)
})

test('a missing model', async () => {
  const asked = client().messages.create({ max_tokens: 9, messages: asks('hi').messages })
  await refused(Anthropic.BadRequestError, 'model_missing', 'The request names no model.', asked)
  await records(1)
})

test('a body that is too large', async () => {
  const asked = message(client(), 'x'.repeat(300_000))
  const error = await asked.then(() => assert.fail('it was not refused'), (error) => error)
  assert.ok(error instanceof Anthropic.APIError, String(error))
  assert.equal(error.status, 413)
  assert.equal(error.error.error.type, 'request_too_large')
  await records(1)
})

// ---- what is tried again, counted in the gate's records ----

test('a 429 of the provider is retried', async () => {
  assert.ok((await message(client(), 'anthropic-node standin:error=429:once')).content)
  assert.deepEqual((await records(2)).map((record) => record.upstream_status), [429, 200])
})

test('a 500 of the provider is retried to the end', async () => {
  await assert.rejects(message(client(), 'standin:error=500'), Anthropic.InternalServerError)
  assert.deepEqual((await records(3)).map((record) => record.status), [500, 500, 500])
})

test("a stale credential of the gate is not the caller's fault", async () => {
  const error = await refused(
    Anthropic.InternalServerError, 'upstream_credential_rejected', 'It is not your key.', message(client('stale')))
  assert.equal(error.status, 502)
  await records(1)
})

test('a long wait is not sat out', async () => {
  assert.ok((await message(client('hourly-anthropic'))).content)
  await refused(
    Anthropic.RateLimitError, 'rate_limited', 'is over its request rate', message(client('hourly-anthropic')))
  assert.deepEqual((await records(2)).map((record) => record.event), ['served', 'denied'])
})

test('a short wait is sat out', async () => {
  await message(client('secondly-anthropic'))
  await message(client('secondly-anthropic'))
  assert.deepEqual((await records(3)).map((record) => record.status), [200, 429, 200])
})
