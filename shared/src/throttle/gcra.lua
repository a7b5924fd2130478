-- KEYS[1]  until when the party has used its allowance, in microseconds of this server's clock
-- ARGV     what one costs, what a burst costs, the most that can be used,
--          'look', 'take' (one, if it may) or how many to count that have happened already,
--          and in tests the time, instead of this server's
-- Returns  how long the party must wait for the next (0: not at all), and how much it has used.
local now = tonumber(ARGV[5])
if not now then
    local time = redis.call('TIME')
    now = time[1] * 1000000 + time[2]
end
local interval, capacity, ceiling = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local kept = tonumber(redis.call('GET', KEYS[1]) or '0')
-- Further ahead than can be owed: this server's clock has been set back since.
local used_until = math.min(math.max(kept, now), now + ceiling)
local wait = math.max(used_until + interval - capacity - now, 0)
if ARGV[4] == 'take' then
    if wait == 0 then used_until = used_until + interval end
elseif ARGV[4] ~= 'look' then
    used_until = math.min(used_until + tonumber(ARGV[4]) * interval, now + ceiling)
end
if used_until ~= kept and used_until > now then
    redis.call('SET', KEYS[1], string.format('%.0f', used_until), 'PX', math.ceil((used_until - now) / 1000) + 1)
end
return { wait, used_until - now }
