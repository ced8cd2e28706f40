-- What wrk measured, as one line of JSON; rates per second, latencies in seconds. An error is a failure, not a figure.
function done(summary, latency, requests)
  for kind, count in pairs(summary.errors) do
    if count > 0 then
      io.stderr:write(string.format("%d errors of the kind '%s' in %d requests\n", count, kind, summary.requests))
      os.exit(1)
    end
  end
  local seconds = summary.duration / 1e6
  local form = '{"rate": %.9g, "throughput": %.9g, "latency_p50": %.9g, "latency_p99": %.9g}\n'
  local p50, p99 = latency:percentile(50) / 1e6, latency:percentile(99) / 1e6
  io.write(string.format(form, summary.requests / seconds, summary.bytes / seconds, p50, p99))
end
