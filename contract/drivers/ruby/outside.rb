# frozen_string_literal: true

# Loaded before an example of the page (`ruby -r`): its connections use the proxy of the environment, the program as it
# is. Net::HTTP would do so by itself, but the SDK always hands it the address of a proxy, which is nil by default.

require "net/http"

Net::HTTP.singleton_class.prepend(
  Module.new do
    def new(*)
      super.tap { |http| http.proxy_from_env = true }
    end
  end
)
