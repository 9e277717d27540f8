// Vercel's AI SDK and Google's SDK for Node as judges.

import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { createAnthropic } from '@ai-sdk/anthropic'
import { createGoogleGenerativeAI } from '@ai-sdk/google'
import { createOpenAI } from '@ai-sdk/openai'
import { ApiError, GoogleGenAI } from '@google/genai'
import { APICallError, embed, generateText, streamText } from 'ai'
import { arrivals, forget, keys, records, url } from './gate.js'

const SAID = 'The stand-in heard “hello” and asked no model.'
const openai = (key = 'app') => createOpenAI({ apiKey: keys[key], baseURL: `${url}/v1` })
const anthropic = (key = 'app', root = '/v1') => createAnthropic({ apiKey: keys[key], baseURL: url + root })
const google = (key = 'app') => createGoogleGenerativeAI({ apiKey: keys[key], baseURL: `${url}/v1beta` })
const genai = (key = 'app') => new GoogleGenAI({ apiKey: keys[key], httpOptions: { baseUrl: url } })

beforeEach(forget)

for (const [name, model, upstream, endpoint] of [
  ['OpenAI, responses', openai()('gpt-4o-mini'), 'openai', 'responses'],
  ['OpenAI, chat', openai().chat('gpt-4o-mini'), 'openai', 'chat'],
  ['Anthropic', anthropic()('claude-haiku-4-5'), 'anthropic', 'messages'],
  ['Anthropic without /v1', anthropic('app', '')('claude-haiku-4-5'), 'anthropic', 'messages'],
  ['Google', google()('gemini-2.5-flash'), 'gemini', 'generate'],
]) {
  test(`AI SDK: ${name} generates and streams`, async () => {
    assert.equal((await generateText({ model, prompt: 'hello' })).text, SAID)
    const { textStream, finishReason } = streamText({ model, prompt: 'standin:tokens=30' })
    const [texts, took] = await arrivals(textStream)
    assert.equal(texts.length, 30)
    assert.equal(await finishReason, 'stop')
    assert.ok(took > 300, `${took} ms`)
    const [first, second] = await records(2)
    assert.deepEqual([first.event, first.upstream, first.endpoint], ['served', upstream, endpoint])
    assert.deepEqual([second.event, second.stream], ['served', true])
  })
}

test('AI SDK: embeddings', async () => {
  const model = openai().textEmbeddingModel('text-embedding-3-small')
  assert.equal((await embed({ model, value: 'hello' })).embedding.length, 1536)
})

for (const [name, model, code, sentence] of [
  ['OpenAI', openai()('gpt-4o'), 'model_not_allowed', "may not use model 'gpt-4o'"],
  ['Anthropic', anthropic()('claude-opus-4-1'), 'model_not_allowed', "may not use model 'claude-opus-4-1'"],
  ['Google', google()('gemini-2.5-pro'), 'model_not_allowed', "may not use model 'gemini-2.5-pro'"],
  ['OpenAI', openai('embedder')('gpt-4o-mini'), 'scope_missing', "lacks the scope 'responses:write'"],
  ['Anthropic', anthropic('embedder')('claude-haiku-4-5'), 'scope_missing', "lacks the scope 'chat'"],
  ['Google', google('embedder')('gemini-2.5-flash'), 'scope_missing', "lacks the scope 'chat'"],
]) {
  test(`AI SDK: ${name} is refused: ${code}`, async () => {
    const error = await generateText({ model, prompt: 'hello' }).then(() => assert.fail('not refused'), (it) => it)
    assert.ok(APICallError.isInstance(error), String(error))
    assert.ok(error.message.includes(sentence), error.message)
    assert.deepEqual([error.statusCode, error.isRetryable], [403, false])
    const [record] = await records(1)
    assert.equal(record.reason, code)
  })
}

test('AI SDK: a stream is refused like anything else', async () => {
  let told
  const { textStream } = streamText({ model: openai()('gpt-4o'), prompt: 'hello', onError: ({ error }) => (told = error) })
  for await (const _ of textStream);
  assert.ok(APICallError.isInstance(told), String(told))
  assert.ok(told.message.includes("may not use model 'gpt-4o'"), told.message)
  await records(1)
})

test('google-genai for Node generates and streams', async () => {
  const { models } = genai()
  assert.equal((await models.generateContent({ model: 'gemini-2.5-flash', contents: 'hello' })).text, SAID)
  const stream = await models.generateContentStream({ model: 'gemini-2.5-flash', contents: 'standin:tokens=30' })
  const [chunks, took] = await arrivals(stream)
  assert.equal(chunks.length, 31)
  assert.ok(took > 300, `${took} ms`)
  const seen = await records(2)
  assert.deepEqual(seen.map((record) => [record.event, record.upstream]), Array(2).fill(['served', 'gemini']))
})

for (const [key, model, code, sentence] of [
  ['app', 'gemini-2.5-pro', 'model_not_allowed', "may not use model 'gemini-2.5-pro'"],
  ['embedder', 'gemini-2.5-flash', 'scope_missing', "lacks the scope 'chat'"],
]) {
  test(`google-genai for Node is refused: ${code}`, async () => {
    const asked = genai(key).models.generateContent({ model, contents: 'hello' })
    const error = await asked.then(() => assert.fail('not refused'), (it) => it)
    assert.ok(error instanceof ApiError, String(error))
    assert.equal(error.status, 403)
    assert.ok(error.message.includes(sentence), error.message)
    const [record] = await records(1)
    assert.equal(record.reason, code)
  })
}
