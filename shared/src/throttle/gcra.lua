-- KEYS[1]  until when the party has used its allowance, in microseconds of this server's clock
-- ARGV     what one costs, what a burst costs, what is taken: one, or nothing to only look
-- Returns  how long the party must wait for the next (0: not at all), and how much it has used.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, capacity, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local used_until = math.min(math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now), now + capacity)
local wait = math.max(used_until + interval - capacity - now, 0)
if wait == 0 and cost > 0 then
    used_until = used_until + cost
    redis.call('SET', KEYS[1], string.format('%.0f', used_until), 'PX', math.ceil((used_until - now) / 1000) + 1)
end
return { wait, used_until - now }
