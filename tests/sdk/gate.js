// What every judge needs: the gate's address, project keys, and its records. `gate.py` has started it.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'

const PATIENCE = 5000

export const url = process.env.GATE
export const keys = JSON.parse(process.env.GATE_KEYS)

// Marks differ between test files, which run one after another beside the same gate.
const marks = `/mark-${process.pid}-`
let marked = 0
let since = 0

async function allUpToNow() {
  // A request of our own follows; once its record is there, so are those before it.
  const mark = `${marks}${marked++}`
  await (await fetch(url + mark)).text()
  const deadline = Date.now() + PATIENCE
  while (Date.now() < deadline) {
    const text = await readFile(process.env.GATE_RECORDS, 'ascii')
    const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n').filter(Boolean)
    const found = lines.map((line) => JSON.parse(line)).filter((record) => record.request_id)
    if (found.some((record) => record.path === mark)) {
      return found.filter((record) => !record.path.startsWith('/mark-'))
    }
    await sleep(5)
  }
  assert.fail(`no record of ${mark}`)
}

/** From here on, records are counted anew. */
export async function forget() {
  since = (await allUpToNow()).length
}

/** The records since `forget`, once there are `count`; never more. */
export async function records(count) {
  const deadline = Date.now() + PATIENCE
  let found
  do {
    found = (await allUpToNow()).slice(since)
  } while (found.length < count && Date.now() < deadline)
  assert.equal(found.length, count, found.map((record) => JSON.stringify(record)).join('\n'))
  return found
}

/** The events, and the milliseconds between the first and the last. */
export async function arrivals(stream) {
  const events = []
  let first
  let last
  for await (const event of stream) {
    last = performance.now()
    first ??= last
    events.push(event)
  }
  return [events, last - first]
}

/** Headers by which an answer would tell whose account paid for it. */
export const UPSTREAM_IDENTITY = [
  'openai-organization',
  'openai-project',
  'anthropic-organization-id',
  'anthropic-workspace-id',
  'set-cookie',
  'x-ratelimit-limit-requests',
  'x-ratelimit-remaining-tokens',
  'anthropic-ratelimit-requests-limit',
  'cf-ray',
  'server',
  'via',
  'x-ms-region',
]
