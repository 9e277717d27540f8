-- Counts, for all gates that share a store, what is used of limits.
-- KEYS: the store's birth, the gates, this gate's last words, then the pools.
-- ARGV[1]: what this gate says, as JSON. The answer is a line of words.

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local now_ms = math.floor(now / 1000)
local said = cjson.decode(ARGV[1])
local function whole(number) return string.format('%.0f', number) end

-- A replica says nothing, not even what it knows to have been said.
local told = redis.pcall('INFO', 'replication')
told = type(told) == 'string' and told or ''
if string.match(told, 'role:(%a+)') == 'slave' then
    return redis.error_reply('READONLY this is a replica, and only the primary counts')
end

-- Who has lost its memory, or may have lost the end of it, is told first what each gate knows, and leases nothing until
-- all had the time for that. A server that was restarted or was a replica has another history than the one that counted
-- before; what knows no histories is believed. The birth is a name, the history, and the time in milliseconds.
-- Then each tells what it used beyond its leases, which would be lost in what another knows if it came before.
local GRACE_MS = 2500
local TELLING_MS = 500
local history = string.match(told, 'master_replid:(%x+)') or ''
local function name(text) return string.match(text, '^[^:]*') end
local born = redis.call('GET', KEYS[1])
local before = born and string.match(born, ':(%x*):%d+$') or ''
if not born or (before ~= '' and history ~= '' and before ~= history) then
    born = said.fresh .. '.' .. whole(now_ms) .. ':' .. history .. ':' .. whole(now_ms)
    redis.call('SET', KEYS[1], born)
elseif before == '' and history ~= '' then
    born = name(born) .. ':' .. history .. ':' .. string.match(born, '(%d+)$')
    redis.call('SET', KEYS[1], born)
end
if name(born) ~= name(said.born) then return 'born ' .. whole(now) .. ' ' .. born end
local age = now_ms - tonumber(string.match(born, ':(%d+)$'))
local settles = age < GRACE_MS + TELLING_MS
local phase = age < GRACE_MS and '1' or settles and '2' or '0'

-- What is said again, because its answer did not arrive, is not done again.
local last = redis.call('HMGET', KEYS[3], 'seq', 'answer')
if last[1] == said.seq then return last[2] end

if said.bye then
    redis.call('ZREM', KEYS[2], said.id)
else
    redis.call('ZADD', KEYS[2], now_ms, said.id)
end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now_ms - 10000)
redis.call('PEXPIRE', KEYS[2], 60000)
local gates = math.max(1, redis.call('ZCARD', KEYS[2]))

-- A pool is {'r', amount, microseconds, burst}, {'m', from, until} or {'c', own, most}: a quota, money in a window, or slots,
-- of which this gate holds so many. The slots of a gate that is not heard of any more are free.
local level, at, past, changed, others, wanting, contested = {}, {}, {}, {}, {}, {}, {}
for i, pool in ipairs(said.pools) do
    local key = KEYS[3 + i]
    if pool[1] == 'r' then
        local kept = redis.call('HMGET', key, 'level', 'at')
        level[i] = tonumber(kept[1] or '0')
        at[i] = tonumber(kept[2] or whole(now))
        -- A clock that is set back lets nothing grow until it has come as far again.
        if now > at[i] then
            level[i] = math.max(0, level[i] - (now - at[i]) * pool[2] / pool[3])
            at[i] = now
        end
    elseif pool[1] == 'c' then
        -- How many each gate holds, and, behind a '!', when a gate was last refused one.
        others[i], wanting[i] = 0, {[said.id] = pool[2] > 0 or nil}
        local held = redis.call('HGETALL', key)
        for n = 1, #held, 2 do
            local field, count = held[n], tonumber(held[n + 1])
            if string.sub(field, 1, 1) == '!' then
                if now_ms - count < 1000 then
                    contested[i], wanting[i][string.sub(field, 2)] = true, true
                else
                    redis.call('HDEL', key, field)
                end
            elseif field ~= said.id then
                if redis.call('ZSCORE', KEYS[2], field) then
                    others[i], wanting[i][field] = others[i] + count, true
                else
                    redis.call('HDEL', key, field)
                end
            end
        end
        level[i] = pool[2] + others[i]
    else
        level[i] = tonumber(redis.call('GET', key) or '0')
        -- The store may have been set back a little; it is never ahead of a window.
        past[i] = now_ms < pool[2] - 60000 or now_ms >= pool[3]
    end
end

for _, floor in ipairs(said.floors) do
    local i = floor[1]
    if level[i] < floor[2] then level[i], changed[i] = floor[2], true end
end
for _, move in ipairs(said.moves) do
    local i = move[1]
    level[i], changed[i] = math.max(0, level[i] + move[2]), true
end

-- An ask is a list of {pool, need, want, most, anyway}: all of it is leased, or nothing.
local answers = {}
for _, ask in ipairs(said.asks) do
    local refused, done, over = nil, {}, {}
    if settles then refused = 's' end
    for n, want in ipairs(ask) do
        if refused then break end
        local i, need = want[1], want[2]
        local room = want[4] - level[i]
        if past[i] then
            refused = 'w'
        elseif need > room + 0.000001 then
            if want[5] then
                over[#over + 1] = n
            else
                local wait = -1
                if said.pools[i][1] == 'r' then
                    wait = math.ceil((need - room) * said.pools[i][3] / said.pools[i][2])
                    wait = wait + math.max(0, at[i] - now)
                end
                if others[i] then
                    redis.call('HSET', KEYS[3 + i], '!' .. said.id, whole(now_ms))
                    contested[i], wanting[i][said.id] = true, true
                end
                refused = 'r ' .. n .. ' ' .. whole(wait) .. ' ' .. whole(math.max(0, math.floor(room)))
            end
        end
        if not refused then
            level[i] = level[i] + need
            done[#done + 1] = want
        end
    end
    if refused then
        for _, want in ipairs(done) do level[want[1]] = level[want[1]] - want[2] end
        answers[#answers + 1] = refused
    else
        local words = {'g', whole(#over)}
        for _, n in ipairs(over) do words[#words + 1] = whole(n) end
        for _, want in ipairs(ask) do
            local i = want[1]
            -- What is leased beyond the need leaves enough for the other gates.
            local room = math.floor((want[4] - level[i]) / (2 * gates))
            local more = math.max(0, math.min(want[3] - want[2], room))
            level[i], changed[i] = level[i] + more, true
            words[#words + 1] = whole(want[2] + more)
        end
        answers[#answers + 1] = table.concat(words, ' ')
    end
end

local words = {'ok', whole(now), whole(gates), phase}
for i, pool in ipairs(said.pools) do
    local key = KEYS[3 + i]
    if pool[1] == 'c' then
        local mine = level[i] - others[i]
        if mine > 0 then
            redis.call('HSET', key, said.id, whole(mine))
            wanting[i][said.id] = true
        else
            redis.call('HDEL', key, said.id)
        end
        redis.call('PEXPIRE', key, 86400000)
    elseif changed[i] then
        if pool[1] == 'r' then
            if level[i] < 0.000001 then
                redis.call('DEL', key)
            else
                redis.call('HSET', key, 'level', string.format('%.17g', level[i]), 'at', whole(at[i]))
                local full = level[i] * pool[3] / pool[2] / 1000 + (at[i] - now) / 1000
                redis.call('PEXPIRE', key, whole(math.ceil(full) + 1000))
            end
        else
            redis.call('SET', key, whole(level[i]), 'PX', whole(math.min(1e11, math.max(1000, pool[3] - now_ms + 86400000))))
        end
    end
    words[#words + 1] = whole(math.ceil(level[i] - 0.000001))
    if pool[1] == 'c' then
        -- Where some gate had none, none keeps more than its share of what comes free.
        local gates_wanting = 0
        for _ in pairs(wanting[i]) do gates_wanting = gates_wanting + 1 end
        words[#words + 1] = contested[i] and whole(math.ceil(pool[3] / math.max(1, gates_wanting))) or '0'
    end
end
for _, answer in ipairs(answers) do words[#words + 1] = answer end
local answer = table.concat(words, ' ')
redis.call('HSET', KEYS[3], 'seq', said.seq, 'answer', answer)
-- A gate that was cut off for a week may say something twice; no store is away for so long.
redis.call('PEXPIRE', KEYS[3], 604800000)
return answer
