# frozen_string_literal: true

# The official Ruby SDK (the gem datadog_api_client) under driver protocol 1.
#
# It is what a user writes from the SDK's README and its examples: a Configuration with its proxy settings, an
# APIClient, models made of hashes. If the documented type is a model and JSON has an object, the model is made of the
# members. All else is passed as it is: Ruby has no types that would keep a caller from it. What is refused, the SDK
# refuses.
#
# Trust is what OpenSSL finds in SSL_CERT_FILE: the setting `ssl_ca_cert` hands the text of the file on as its name.
#
# Errors: the SDK documents APIError. An ArgumentError is how it refuses arguments, so it is a refusal before anything is
# sent. A RuntimeError of its own `fail` is its word about an answer. All else is a crash, also what the SDK lets through
# of Net::HTTP, OpenSSL and JSON.
#
# Not to be expressed here: text that is no Unicode (lone surrogates). The json gem cannot write it.

require "json"
require "time"
require "datadog_api_client"

V2 = DatadogAPIClient::V2
UPDATE = V2::SnapshotUpdateRequest

HELLO = {
  protocol: 1, client: "datadog_api_client", version: DatadogAPIClient::VERSION, language: "ruby",
  features: ["retry", "timeout"]
}.freeze

PROXY = URI(ENV.fetch("CONTRACT_PROXY_URL"))
LIBRARY = "#{File.realpath(File.dirname(DatadogAPIClient::APIClient.instance_method(:call_api).source_location[0], 2))}/"
TRACE_LENGTH = 5

# The API for one site and one pair of keys.
APIS = Hash.new do |apis, (site, api_key, app_key)|
  configuration = DatadogAPIClient::Configuration.new
  configuration.http_proxyaddr = PROXY.host
  configuration.http_proxyport = PROXY.port
  configuration.server_variables[:site] = site
  configuration.api_key = api_key
  configuration.application_key = app_key
  apis[[site, api_key, app_key]] = V2::RumReplayHeatmapsAPI.new(DatadogAPIClient::APIClient.new(configuration))
end

# Makes a model of an object, and of those of its members that have a model.
def model(type, value)
  return value unless value.is_a?(Hash)

  types = type.openapi_types
  members = value.to_h do |name, member|
    inner = types[name.to_sym]
    inner = inner && V2.const_defined?(inner) ? V2.const_get(inner) : nil
    [name.to_sym, inner.respond_to?(:openapi_types) ? model(inner, member) : member]
  end
  type.new(members)
end

# Makes the call, and returns the outcome as the protocol names it.
def outcome_of(asked)
  api = APIS[asked.values_at("site", "api_key", "app_key")]
  api.api_client.config.timeout = asked["timeout_s"]
  api.api_client.config.enable_retry = asked["retry"]
  body = model(UPDATE, asked["body"])
  snapshot = api.update_replay_heatmap_snapshot(asked["snapshot_id"], body)
  { outcome: "snapshot", snapshot: plain(snapshot) }
rescue DatadogAPIClient::APIError => error
  return { outcome: "failed", message: text(error.message) } unless error.code

  { outcome: "api_error", status: error.code, errors: texts_of(error.response_body), message: text(error.message) }
rescue StandardError, SystemStackError => error
  failure(error)
end

def failure(error)
  frames = error.backtrace_locations || []
  message = text(error.message)
  case error.class.name
  when "ArgumentError" then return { outcome: "refused", message: message } unless sent?(frames)
  when "RuntimeError" then return { outcome: "broken_answer", message: message } if within?(frames, "deserialize")
  end
  own = frames.select { |frame| frame.absolute_path.to_s.start_with?(LIBRARY) }
  trace = own.first(TRACE_LENGTH).map do |frame|
    "#{frame.absolute_path.delete_prefix(LIBRARY)}:#{frame.lineno} in #{frame.base_label}"
  end
  { outcome: "crashed", type: error.class.name, message: message, trace: trace }
end

def within?(frames, *methods)
  frames.any? { |frame| methods.include?(frame.base_label) }
end

# Returns whether an error came after the headers of the first request were made.
def sent?(frames)
  within?(frames, "call_api") && !within?(frames, "build_request", "setup_raw_request")
end

# The texts of an error. The SDK gives its caller the body alone.
def texts_of(body)
  errors = JSON.parse(body)["errors"]
  errors.is_a?(Array) ? errors.map { |error| text(error.is_a?(String) ? error : JSON.generate(error)) } : []
rescue StandardError
  []
end

# A text of the SDK as Unicode.
def text(message)
  String.new(message.to_s, encoding: Encoding::UTF_8).scrub
end

# The value that the caller has, for JSON: a time with all of its digits.
def plain(value)
  case value
  when Hash then value.to_h { |name, member| [name, plain(member)] }
  when Array then value.map { |item| plain(item) }
  when Time then value.iso8601(20).sub(/\.?0*(?=(Z|[+-]\d\d:\d\d)\z)/, "")
  when String then text(value)
  when DatadogAPIClient::UnparsedObject then plain(value.data)
  else value.respond_to?(:to_hash) ? plain(value.to_hash) : value
  end
end

# Writes a line of ASCII. A value that the json gem cannot write is null.
def write(reply)
  puts JSON.generate(reply, ascii_only: true, allow_nan: true, max_nesting: 0)
rescue JSON::GeneratorError
  puts JSON.generate({ seq: reply[:seq], value: nil })
end

$stdout.sync = true
$stdin.each_line do |line|
  asked = JSON.parse(line, max_nesting: 0)
  case asked["cmd"]
  when "bye" then break
  when "echo" then write({ seq: asked["seq"], value: asked["value"] })
  when "update" then write({ seq: asked["seq"], **outcome_of(asked) })
  else write(HELLO)
  end
end
