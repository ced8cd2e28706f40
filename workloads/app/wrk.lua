-- What wrk measured, as one line of JSON: 1/s and seconds. A request that fails makes the job fail.
function done(summary, latency, requests)
  for kind, count in pairs(summary.errors) do
    if count > 0 then
      io.stderr:write(string.format("%d of %d requests failed ('%s')\n", count, summary.requests, kind))
      os.exit(1)
    end
  end
  local parts = {string.format('"rate": %.9g', 1e6 * summary.requests / summary.duration)}
  for name, quantile in pairs({p50 = 50, p99 = 99, p999 = 99.9}) do
    table.insert(parts, string.format('"latency_%s": %.9g', name, latency:percentile(quantile) / 1e6))
  end
  print("{" .. table.concat(parts, ", ") .. "}")
end
