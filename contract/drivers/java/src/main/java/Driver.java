import com.datadog.api.client.ApiClient;
import com.datadog.api.client.ApiException;
import com.datadog.api.client.v2.api.RumReplayHeatmapsApi;
import com.datadog.api.client.v2.model.APIErrorResponse;
import com.datadog.api.client.v2.model.Snapshot;
import com.datadog.api.client.v2.model.SnapshotUpdateRequest;
import com.datadog.api.client.v2.model.SnapshotUpdateRequestData;
import com.datadog.api.client.v2.model.SnapshotUpdateRequestDataAttributes;
import com.datadog.api.client.v2.model.SnapshotUpdateRequestDataType;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonInclude.Include;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.module.SimpleModule;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.datatype.jsr310.ser.OffsetDateTimeSerializer;
import jakarta.ws.rs.ProcessingException;
import jakarta.ws.rs.client.ClientBuilder;
import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.time.OffsetDateTime;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Objects;
import java.util.function.BiConsumer;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.glassfish.jersey.apache.connector.ApacheConnectorProvider;
import org.glassfish.jersey.client.ClientConfig;
import org.glassfish.jersey.client.ClientProperties;

/**
 * The official Java SDK (com.datadoghq:datadog-api-client) under driver protocol 1.
 *
 * <p>It is what a user writes from the SDK's README and Javadoc: an ApiClient, trust through its extension point
 * {@code customizeClientBuilder}, typed models. JSON becomes a model as in the SDK's example: each member by the method
 * that has its name, null as Java's null, a member that is absent by no call. What Java's types do not let a caller
 * write, a number where a String is due, is unsupported.
 *
 * <p>The connector is the one that a user gets by default, with Java's own properties for the proxy. On Java 16 and
 * later it sends no PATCH unless two packages are opened to it: {@code --add-opens}, twice. With the argument
 * {@code apache} it is the Apache connector, as the README has it for a proxy.
 *
 * <p>The SDK documents one exception, ApiException; whatever else comes out of it is a crash, also jakarta.ws.rs's
 * ProcessingException for a connection that fails. ApiException without the headers of an answer is a refusal.
 */
public final class Driver {
  private static final ObjectMapper EXACT =
      JsonMapper.builder(JsonFactory.builder().enable(JsonWriteFeature.ESCAPE_NON_ASCII).build())
          .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
          .nodeFactory(JsonNodeFactory.withExactBigDecimals(true))
          .build();

  private static final SSLContext TRUST = trust();

  /** The SDK's client, which trusts the authority of the suite. */
  private static final class Client extends ApiClient {
    @Override
    protected void customizeClientBuilder(ClientBuilder builder) {
      builder.sslContext(TRUST);
    }
  }

  private static SSLContext trust() {
    try (InputStream file = new FileInputStream(System.getenv("CONTRACT_CA_FILE"))) {
      KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
      store.load(null);
      store.setCertificateEntry("contract", CertificateFactory.getInstance("X.509").generateCertificate(file));
      TrustManagerFactory managers = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
      managers.init(store);
      SSLContext context = SSLContext.getInstance("TLS");
      context.init(null, managers.getTrustManagers(), null);
      return context;
    } catch (IOException | GeneralSecurityException error) {
      throw new IllegalStateException("CONTRACT_CA_FILE", error);
    }
  }

  private static ApiClient client(String proxyUrl, boolean isApache) {
    ApiClient client = new Client();
    URI proxy = URI.create(proxyUrl);
    if (isApache) {
      ClientConfig config = client.getClientConfig().connectorProvider(new ApacheConnectorProvider());
      config.property(ClientProperties.PROXY_URI, proxyUrl);
      client.setClientConfig(config);
    } else {
      for (String scheme : new String[] {"http", "https"}) {
        System.setProperty(scheme + ".proxyHost", proxy.getHost());
        System.setProperty(scheme + ".proxyPort", String.valueOf(proxy.getPort()));
      }
    }
    return client;
  }

  /** What a caller cannot write in Java: it does not compile. */
  private static final class Inexpressible extends RuntimeException {
    Inexpressible(String type, JsonNode json) {
      super("no " + type + " holds " + json.getNodeType());
    }
  }

  /** Has each member set on the model that was made for it; null stays null. */
  private static <T> T model(JsonNode json, T made, BiConsumer<String, JsonNode> set) {
    if (json.isNull()) {
      return null;
    }
    if (!json.isObject()) {
      throw new Inexpressible(made.getClass().getSimpleName(), json);
    }
    json.properties().forEach(member -> set.accept(member.getKey(), member.getValue()));
    return made;
  }

  private static SnapshotUpdateRequest request(JsonNode json) {
    SnapshotUpdateRequest made = new SnapshotUpdateRequest();
    return model(
        json,
        made,
        (name, value) -> {
          switch (name) {
            case "data" -> made.data(data(value));
            default -> made.putAdditionalProperty(name, any(value));
          }
        });
  }

  private static SnapshotUpdateRequestData data(JsonNode json) {
    SnapshotUpdateRequestData made = new SnapshotUpdateRequestData();
    return model(
        json,
        made,
        (name, value) -> {
          switch (name) {
            case "attributes" -> made.attributes(attributes(value));
            case "id" -> made.id(text(value));
            case "type" -> made.type(value.isNull() ? null : SnapshotUpdateRequestDataType.fromValue(text(value)));
            default -> made.putAdditionalProperty(name, any(value));
          }
        });
  }

  private static SnapshotUpdateRequestDataAttributes attributes(JsonNode json) {
    SnapshotUpdateRequestDataAttributes made = new SnapshotUpdateRequestDataAttributes();
    return model(
        json,
        made,
        (name, value) -> {
          switch (name) {
            case "event_id" -> made.eventId(text(value));
            case "is_device_type_selected_by_user" -> made.isDeviceTypeSelectedByUser(truth(value));
            case "session_id" -> made.sessionId(text(value));
            case "start" -> made.start(number(value));
            case "view_id" -> made.viewId(text(value));
            default -> made.putAdditionalProperty(name, any(value));
          }
        });
  }

  private static String text(JsonNode json) {
    if (!json.isNull() && !json.isTextual()) {
      throw new Inexpressible("String", json);
    }
    return json.textValue();
  }

  private static Long number(JsonNode json) {
    if (!json.isNull() && !(json.isIntegralNumber() && json.canConvertToLong())) {
      throw new Inexpressible("Long", json);
    }
    return json.isNull() ? null : json.longValue();
  }

  private static Boolean truth(JsonNode json) {
    if (!json.isNull() && !json.isBoolean()) {
      throw new Inexpressible("Boolean", json);
    }
    return json.isNull() ? null : json.booleanValue();
  }

  private static Object any(JsonNode json) {
    return EXACT.convertValue(json, Object.class);
  }

  /** Loads the classes of a call, which takes a second: it fails, at a port that nobody listens on. */
  private static void warmUp(boolean isApache) throws IOException {
    try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      int port = taken.getLocalPort();
      taken.close();
      ApiClient client = client("http://127.0.0.1:" + port, isApache);
      String answer = "{\"data\": {\"type\": \"snapshots\", \"attributes\": {}}}";
      client.getJSON().getMapper().readValue(answer, Snapshot.class);
      SnapshotUpdateRequest body = request(EXACT.readTree(answer));
      new RumReplayHeatmapsApi(client).updateReplayHeatmapSnapshot("a", body);
    } catch (ApiException | ProcessingException expected) {
      // the proxy is none
    }
  }

  private static void configure(ApiClient client, JsonNode asked) {
    int timeoutMs = (int) Math.ceil(asked.get("timeout_s").doubleValue() * 1000);
    if (client.getReadTimeout() != timeoutMs) { // to set it costs the connections
      client.setConnectTimeout(timeoutMs);
      client.setReadTimeout(timeoutMs);
    }
    client.enableRetry(asked.get("retry").booleanValue());
    HashMap<String, String> secrets = new HashMap<>();
    secrets.put("apiKeyAuth", asked.get("api_key").textValue());
    secrets.put("appKeyAuth", asked.get("app_key").textValue());
    client.configureApiKeys(secrets);
    HashMap<String, String> variables = new HashMap<>();
    variables.put("site", asked.get("site").textValue());
    client.setServerVariables(variables);
  }

  private static ObjectNode outcome(String kind, String message) {
    return EXACT.createObjectNode().put("outcome", kind).put("message", message == null ? "" : message);
  }

  /** The SDK's mapper, but with all that the caller has: that one drops nulls, and digits of a time. */
  private static ObjectMapper writer(ObjectMapper mapper) {
    SimpleModule times = new SimpleModule("times");
    times.addSerializer(OffsetDateTime.class, OffsetDateTimeSerializer.INSTANCE);
    return mapper
        .copy()
        .registerModule(times)
        .setDefaultPropertyInclusion(JsonInclude.Value.construct(Include.NON_NULL, Include.ALWAYS));
  }

  /** Makes the call; returns the outcome as the protocol names it. */
  private static ObjectNode call(ApiClient client, ObjectMapper writer, JsonNode asked) {
    ObjectMapper mapper = client.getJSON().getMapper();
    try {
      SnapshotUpdateRequest body = request(asked.get("body"));
      configure(client, asked);
      try {
        RumReplayHeatmapsApi api = new RumReplayHeatmapsApi(client);
        Snapshot snapshot = api.updateReplayHeatmapSnapshot(asked.get("snapshot_id").textValue(), body);
        String written = writer.writeValueAsString(snapshot);
        return outcome("snapshot", "").set("snapshot", EXACT.readTree(written));
      } catch (ApiException error) {
        return failure(error, mapper);
      }
    } catch (Inexpressible error) {
      return outcome("unsupported", error.getMessage());
    } catch (Throwable error) {
      ObjectNode told = outcome("crashed", error.getMessage()).put("type", error.getClass().getName());
      Arrays.stream(error.getStackTrace())
          .filter(frame -> frame.getClassName().startsWith("com.datadog.api."))
          .limit(5)
          .map(Driver::written)
          .forEach(told.putArray("trace")::add);
      return told;
    }
  }

  /** Writes a frame as the protocol does: path of the file, line, method. */
  private static String written(StackTraceElement frame) {
    String folder = frame.getClassName().replaceAll("[^.]*$", "").replace('.', '/');
    return folder + frame.getFileName() + ":" + frame.getLineNumber() + " in " + frame.getMethodName();
  }

  /** What ApiException has for its caller; the texts are in the body, read by the SDK's own model. */
  private static ObjectNode failure(ApiException error, ObjectMapper mapper) {
    if (error.getResponseHeaders() == null) {
      return outcome("refused", error.getMessage());
    }
    ObjectNode told = outcome("api_error", error.getMessage()).put("status", error.getCode());
    ArrayNode texts = told.putArray("errors");
    try {
      mapper.readValue(error.getResponseBody(), APIErrorResponse.class).getErrors().stream()
          .filter(Objects::nonNull)
          .forEach(texts::add);
    } catch (JsonProcessingException | RuntimeException none) {
      // an error of another shape
    }
    return told;
  }

  private static ObjectNode hello(ApiClient client) {
    ObjectNode told = EXACT.createObjectNode().put("protocol", 1).put("client", "datadog-api-client-java");
    told.put("version", client.getUserAgent().split("[/ ]")[1]).put("language", "java");
    told.putArray("features").add("retry").add("timeout");
    return told;
  }

  public static void main(String[] arguments) throws IOException {
    boolean isApache = Arrays.asList(arguments).contains("apache");
    warmUp(isApache);
    ApiClient client = client(System.getenv("CONTRACT_PROXY_URL"), isApache);
    ObjectMapper writer = writer(client.getJSON().getMapper());
    PrintStream out = new PrintStream(System.out, false, StandardCharsets.US_ASCII);
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      JsonNode asked = EXACT.readTree(line);
      String command = asked.get("cmd").textValue();
      if (command.equals("bye")) {
        break;
      }
      ObjectNode told =
          switch (command) {
            case "echo" -> EXACT.createObjectNode().set("value", asked.get("value"));
            case "update" -> call(client, writer, asked);
            default -> hello(client);
          };
      if (asked.has("seq")) {
        told.set("seq", asked.get("seq"));
      }
      out.print(EXACT.writeValueAsString(told) + "\n");
      out.flush();
    }
    System.exit(0); // a thread of a client must not keep it
  }
}
