// openai-node as judge.

import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import OpenAI, { AzureOpenAI } from 'openai'
import { UPSTREAM_IDENTITY, arrivals, forget, keys, records, url } from './gate.js'

const MODEL = 'gpt-4o-mini'
const client = (key = 'app', root = '/v1', options = {}) =>
  new OpenAI({ baseURL: url + root, apiKey: keys[key] ?? key, ...options })
const asks = (text) => ({ model: MODEL, messages: [{ role: 'user', content: text }] })
const chat = (client, text = 'hello') => client.chat.completions.create(asks(text))

/** The error that `asked` raises, once it says what the table of refusals says. */
async function refused(ErrorClass, code, sentence, asked) {
  const error = await asked.then(() => assert.fail('it was not refused'), (error) => error)
  assert.equal(error.constructor, ErrorClass, String(error))
  assert.equal(error.code, code)
  assert.ok(error.message.includes(sentence), error.message)
  assert.equal(error.headers.get('x-portcullis-reason'), code)
  assert.match(error.requestID, /^req_/)
  assert.ok(error.message.includes(`(request ${error.requestID})`), error.message)
  return error
}

beforeEach(forget)

// ---- what is answered ----

test('chat', async () => {
  const answer = await chat(client())
  assert.equal(answer.choices[0].message.content, 'The stand-in heard “hello” and asked no model.')
  const [record] = await records(1)
  assert.equal(answer._request_id, record.request_id)
  assert.deepEqual([record.event, record.endpoint, record.upstream], ['served', 'chat', 'openai'])
})

test('chat over TLS', async () => {
  const secured = new OpenAI({ baseURL: process.env.GATE_TLS + '/v1', apiKey: keys.app })
  const answer = await chat(secured)
  assert.equal(answer.choices[0].message.content, 'The stand-in heard “hello” and asked no model.')
})

// ---- web pages ----

/** What a browser does for a page: asks first, sends only what is let through, and hides what may not be read. */
const browser = (page, seen) => async (target, init) => {
  const own = ['accept', 'accept-language', 'content-language']
  const names = [...new Headers(init.headers).keys()].filter((name) => !own.includes(name))
  const question = { origin: page, 'access-control-request-method': init.method, 'access-control-request-headers': names.join(',') }
  const told = await fetch(target, { method: 'OPTIONS', headers: question })
  const list = (name) => (told.headers.get(name) ?? '').split(/, */)
  seen.push(told.status)
  if (!told.ok || told.headers.get('access-control-allow-origin') !== page) throw new TypeError('Failed to fetch')
  for (const name of names) assert.ok(list('access-control-allow-headers').includes(name), name)
  assert.ok(list('access-control-allow-methods').includes(init.method.toUpperCase()))
  const answer = await fetch(target, { ...init, headers: { ...Object.fromEntries(new Headers(init.headers)), origin: page } })
  if (answer.headers.get('access-control-allow-origin') !== page) throw new TypeError('Failed to fetch')
  const shown = [...answer.headers].filter(([name]) =>
    ['content-type', ...answer.headers.get('access-control-expose-headers').split(/, */)].includes(name))
  return new Response(answer.body, { status: answer.status, headers: shown })
}

test('a listed web page may call, stream and read its refusals', async () => {
  const seen = []
  const page = (key) =>
    client(key, '/v1', { dangerouslyAllowBrowser: true, fetch: browser('https://app.example', seen), maxRetries: 0 })
  const answer = await chat(page('web'))
  assert.equal(answer.choices[0].message.content, 'The stand-in heard “hello” and asked no model.')
  assert.match(answer._request_id, /^req_/)
  const stream = await page('web').chat.completions.create({ ...asks('standin:tokens=3'), stream: true })
  assert.equal((await arrivals(stream))[0].length, 5)
  const body = { model: 'gpt-4o', messages: asks('hello').messages }
  const asked = page('web').chat.completions.create(body)
  await refused(OpenAI.PermissionDeniedError, 'model_not_allowed', 'may not use model', asked)
  // The key of a project that lists no page: it is served, and the page cannot read it.
  await assert.rejects(chat(page('app')), OpenAI.APIConnectionError)
  assert.deepEqual(seen, [204, 204, 204, 204])
  assert.equal((await records(8)).filter((record) => record.method === 'OPTIONS').length, 4)
})

test('an unlisted web page is told nothing', async () => {
  const seen = []
  const options = { dangerouslyAllowBrowser: true, fetch: browser('https://evil.example', seen), maxRetries: 0 }
  await assert.rejects(chat(client('web', '/v1', options)), OpenAI.APIConnectionError)
  assert.deepEqual(seen, [403])
  const [record] = await records(1)
  assert.deepEqual([record.reason, record.headers.origin], ['origin_not_allowed', 'https://evil.example'])
})

test('a streamed chat arrives event by event', async () => {
  const stream = await client().chat.completions.create({ ...asks('standin:tokens=30'), stream: true })
  const [chunks, took] = await arrivals(stream)
  assert.equal(chunks.length, 32)
  assert.ok(took > 300, `${took} ms`)
  assert.equal((await records(1))[0].stream, true)
})

test('a stream that is left is abandoned', async () => {
  const stream = await client().chat.completions.create({ ...asks('standin:tokens=500'), stream: true })
  for await (const _ of stream) break
  assert.equal((await records(1))[0].event, 'abandoned')
})

test('responses', async () => {
  const answer = await client().responses.create({ model: MODEL, input: 'hello' })
  assert.equal(answer.output_text, 'The stand-in heard “hello” and asked no model.')
})

test('streamed responses', async () => {
  const stream = await client().responses.create({ model: MODEL, input: 'standin:tokens=30', stream: true })
  const [events, took] = await arrivals(stream)
  assert.equal(events.at(-1).type, 'response.completed')
  assert.ok(took > 300, `${took} ms`)
})

test('embeddings', async () => {
  const answer = await client().embeddings.create({ model: 'text-embedding-3-small', input: ['one', 'two'] })
  assert.deepEqual(answer.data.map((item) => item.embedding.length), [1536, 1536])
})

test('the list of models shows what the project may use', async () => {
  const listed = []
  for await (const model of client().models.list()) listed.push(model.id)
  assert.deepEqual(listed.sort(), [MODEL, 'text-embedding-3-small'])
})

test('a base URL with the name of the upstream', async () => {
  assert.ok((await chat(client('app', '/openai/v1'))).choices)
  assert.equal((await records(1))[0].upstream, 'openai')
})

test('headers that tell whose account it is stay behind', async () => {
  const { response } = await client().chat.completions.create(asks('hello')).withResponse()
  assert.deepEqual(UPSTREAM_IDENTITY.filter((name) => response.headers.has(name)), [])
  const [record] = await records(1)
  assert.equal(response.headers.get('x-request-id'), record.request_id)
})

test('an Azure deployment', async () => {
  const azure = new AzureOpenAI({ endpoint: url, apiKey: keys.azure, apiVersion: '2024-10-21' })
  const answer = await azure.chat.completions.create({ ...asks('hello'), model: 'prod-4o' })
  assert.ok(answer.choices[0].message.content.includes('hello'))
  const [record] = await records(1)
  assert.equal(record.path, '/openai/deployments/prod-4o/chat/completions')
  assert.deepEqual([record.model, record.upstream], ['prod-4o', 'azure'])
})

// ---- what is refused: the SDK's own class, our sentence, code and request id, and one attempt ----

for (const [key, code, sentence] of [
  ['sk-proj-0123456789', 'provider_key_sent', 'looks like a key of OpenAI'],
  ['unknown', 'key_unknown', 'This project key is not known here.'],
]) {
  test(`a key that is none: ${code}`, async () => {
    const error = await refused(OpenAI.AuthenticationError, code, sentence, chat(client(key)))
    const [record] = await records(1)
    assert.deepEqual([record.reason, record.request_id], [code, error.requestID])
  })
}

test('no key', async () => {
  const asked = client().chat.completions.create(asks('hi'), { headers: { Authorization: null } })
  await refused(OpenAI.AuthenticationError, 'key_missing', 'No project key was sent.', asked)
  await records(1)
})

for (const [key, code, sentence] of [
  ['expired', 'key_expired', "Project key 'expired' has expired."],
  ['revoked', 'key_revoked', "Project key 'revoked' was revoked."],
  ['away', 'ip_not_allowed', 'Requests from address 127.0.0.1 are not allowed here.'],
  ['embedder', 'scope_missing', "lacks the scope 'chat' for POST /v1/chat/completions"],
]) {
  test(`a key that may not: ${code}`, async () => {
    await refused(OpenAI.PermissionDeniedError, code, sentence, chat(client(key)))
    await records(1)
  })
}

test('a model that is not allowed', async () => {
  const asked = client().chat.completions.create({ ...asks('hi'), model: 'gpt-4o' })
  const error = await refused(
    OpenAI.PermissionDeniedError, 'model_not_allowed', "may not use model 'gpt-4o'", asked)
  assert.equal(error.param, 'model')
  await records(1)
})

test('a doubled prefix is named', async () => {
  const asked = chat(client('app', '/v1/v1'))
  await refused(OpenAI.NotFoundError, 'endpoint_unknown', 'The prefix /v1 is doubled', asked)
  await records(1)
})

test('two different credentials', async () => {
  const two = client('app', '/v1', { defaultHeaders: { 'api-key': keys.away } })
  await refused(OpenAI.BadRequestError, 'key_conflict', 'in authorization and api-key', chat(two))
  await records(1)
})

test('a missing model', async () => {
  const asked = client().chat.completions.create({ messages: asks('hi').messages })
  await refused(OpenAI.BadRequestError, 'model_missing', 'The request names no model.', asked)
  await records(1)
})

test('a body that is too large', async () => {
  const asked = chat(client(), 'x'.repeat(300_000))
  const error = await refused(OpenAI.APIError, 'body_too_large', 'larger than this gateway takes', asked)
  assert.equal(error.status, 413)
  await records(1)
})

// ---- what is tried again, counted in the gate's records ----

test('a 429 of the provider is retried', async () => {
  assert.ok((await chat(client(), 'openai-node standin:error=429:once')).choices)
  assert.deepEqual((await records(2)).map((record) => record.upstream_status), [429, 200])
})

test('a 500 of the provider is retried to the end', async () => {
  await assert.rejects(chat(client(), 'standin:error=500'), OpenAI.InternalServerError)
  assert.deepEqual((await records(3)).map((record) => record.status), [500, 500, 500])
})

test("a stale credential of the gate is not the caller's fault", async () => {
  const error = await refused(
    OpenAI.InternalServerError, 'upstream_credential_rejected', 'It is not your key.', chat(client('stale')))
  assert.equal(error.status, 502)
  const [record] = await records(1)
  assert.deepEqual([record.event, record.credential, record.upstream_status], ['failed', 'stale', 401])
})

test('a long wait is not sat out', async () => {
  assert.ok((await chat(client('hourly-openai'))).choices)
  const error = await refused(
    OpenAI.RateLimitError, 'rate_limited', 'is over its request rate', chat(client('hourly-openai')))
  assert.ok(Number(error.headers.get('retry-after')) > 3500)
  assert.deepEqual((await records(2)).map((record) => record.event), ['served', 'denied'])
})

test('a short wait is sat out', async () => {
  await chat(client('secondly-openai'))
  await chat(client('secondly-openai'))
  assert.deepEqual((await records(3)).map((record) => record.status), [200, 429, 200])
})
