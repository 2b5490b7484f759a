// The official Go SDK (datadog-api-client-go) under driver protocol 1.
//
// It is what a user writes from the SDK's README and doc comments: a Configuration with an HTTPClient of its own for
// proxy, trust and time-out, a context with keys and server variables, typed models. JSON becomes a model in the
// way that Go has for it: json.Unmarshal into SnapshotUpdateRequest. An error that this returns is the SDK's refusal.
//
// A call that is given back without an error is a success, whatever the model holds. GenericOpenAPIError is the
// SDK's one error type; all others are those of net/http, which it hands through. A panic is a crash.
//
// Not to be expressed in Go: text that is no Unicode (lone surrogates). encoding/json replaces it, so the echo does.
package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"strings"
	"time"
	"unicode/utf16"

	sdk "github.com/DataDog/datadog-api-client-go/v2"
	"github.com/DataDog/datadog-api-client-go/v2/api/datadog"
	"github.com/DataDog/datadog-api-client-go/v2/api/datadogV2"
)

type question struct {
	Cmd        string          `json:"cmd"`
	Seq        int64           `json:"seq"`
	Value      any             `json:"value"`
	Site       string          `json:"site"`
	APIKey     string          `json:"api_key"`
	AppKey     string          `json:"app_key"`
	SnapshotID string          `json:"snapshot_id"`
	Body       json.RawMessage `json:"body"`
	TimeoutS   float64         `json:"timeout_s"`
	Retry      bool            `json:"retry"`
}

type reply map[string]any

var hello = reply{
	"protocol": 1, "client": "datadog-api-client-go", "version": sdk.Version, "language": "go",
	"features": []string{"retry", "timeout"},
}

// options are what a configuration holds for all calls; the rest is in the context of each.
type options struct {
	timeoutS float64
	retry    bool
}

// apis makes the API once for each set of options, as the README says; its connections are those of the transport.
type apis struct {
	transport http.RoundTripper
	known     map[options]*datadogV2.RumReplayHeatmapsApi
}

func (a apis) of(o options) *datadogV2.RumReplayHeatmapsApi {
	if a.known[o] == nil {
		configuration := datadog.NewConfiguration()
		configuration.HTTPClient = &http.Client{
			Transport: a.transport,
			Timeout:   time.Duration(o.timeoutS * float64(time.Second)),
		}
		configuration.RetryConfiguration.EnableRetry = o.retry
		a.known[o] = datadogV2.NewRumReplayHeatmapsApi(datadog.NewAPIClient(configuration))
	}
	return a.known[o]
}

// newTransport is Go's own, with the proxy and the authority of the suite.
func newTransport() http.RoundTripper {
	proxy, err := url.Parse(os.Getenv("CONTRACT_PROXY_URL"))
	if err != nil {
		log.Fatal("CONTRACT_PROXY_URL: ", err)
	}
	authority, err := os.ReadFile(os.Getenv("CONTRACT_CA_FILE"))
	if err != nil {
		log.Fatal("CONTRACT_CA_FILE: ", err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = http.ProxyURL(proxy)
	transport.TLSClientConfig = &tls.Config{RootCAs: roots}
	return transport
}

// outcomeOf makes the call and returns the outcome as the protocol names it.
func outcomeOf(known apis, asked question) (told reply) {
	defer func() {
		if panicked := recover(); panicked != nil {
			told = reply{
				"outcome": "crashed", "type": fmt.Sprintf("%T", panicked), "message": fmt.Sprint(panicked),
				"trace": trace(),
			}
		}
	}()
	var body datadogV2.SnapshotUpdateRequest
	if err := json.Unmarshal(asked.Body, &body); err != nil {
		return reply{"outcome": "refused", "message": err.Error()}
	}
	ctx := context.WithValue(context.Background(), datadog.ContextAPIKeys, map[string]datadog.APIKey{
		"apiKeyAuth": {Key: asked.APIKey},
		"appKeyAuth": {Key: asked.AppKey},
	})
	ctx = context.WithValue(ctx, datadog.ContextServerVariables, map[string]string{"site": asked.Site})
	api := known.of(options{asked.TimeoutS, asked.Retry})
	snapshot, response, err := api.UpdateReplayHeatmapSnapshot(ctx, asked.SnapshotID, body)
	if err != nil {
		return failure(response, err)
	}
	return reply{"outcome": "snapshot", "snapshot": written(snapshot)}
}

// trace returns the last frames of a panic in the SDK's own code, innermost first.
func trace() []string {
	const owner, module, length = "github.com/DataDog/", "datadog-api-client-go/", 5
	callers := make([]uintptr, 100)
	frames := runtime.CallersFrames(callers[:runtime.Callers(0, callers)])
	written := []string{}
	for more := true; more && len(written) < length; {
		var frame runtime.Frame
		frame, more = frames.Next()
		if strings.HasPrefix(frame.Function, owner+module) {
			file := strings.TrimPrefix(frame.File, owner) // the flag -trimpath leaves the module's path
			function := frame.Function[strings.LastIndex(frame.Function, "/")+1:]
			written = append(written, fmt.Sprintf("%s:%d in %s", file, frame.Line, function))
		}
	}
	return written
}

// written is the snapshot with its times as the caller has them: MarshalJSON cuts them short, but writes additional
// properties, of whatever name, as they are.
func written(snapshot datadogV2.Snapshot) datadogV2.Snapshot {
	if snapshot.Data == nil || snapshot.Data.Attributes == nil {
		return snapshot
	}
	attributes := snapshot.Data.Attributes
	exact := map[string]any{}
	maps.Copy(exact, attributes.AdditionalProperties)
	for name, moment := range map[string]*time.Time{
		"created_at": attributes.CreatedAt, "modified_at": attributes.ModifiedAt,
	} {
		if moment != nil {
			exact[name] = moment.Format(time.RFC3339Nano)
		}
	}
	attributes.AdditionalProperties = exact
	return snapshot
}

func failure(response *http.Response, err error) reply {
	var generic datadog.GenericOpenAPIError
	switch {
	case !errors.As(err, &generic) && !isBadHeader(err):
		return reply{"outcome": "failed", "message": err.Error()}
	case response == nil: // nothing was sent
		return reply{"outcome": "refused", "message": err.Error()}
	case response.StatusCode < 300:
		return reply{"outcome": "broken_answer", "message": err.Error()}
	}
	return reply{
		"outcome": "api_error", "status": response.StatusCode, "errors": textsOf(generic), "message": err.Error(),
	}
}

// isBadHeader tells a key that no header can hold from the other errors of net/http: there is no type for it.
func isBadHeader(err error) bool {
	return strings.Contains(err.Error(), "net/http: invalid header field value")
}

// textsOf are the texts of an error: in its model, which only a 429 has, else in its body, read by the same model.
func textsOf(generic datadog.GenericOpenAPIError) []string {
	model, ok := generic.Model().(datadogV2.APIErrorResponse)
	if !ok && json.Unmarshal(generic.Body(), &model) != nil {
		return []string{}
	}
	return append([]string{}, model.GetErrors()...)
}

// ascii is the value as one line of JSON, all of it ASCII.
func ascii(value any) []byte {
	written, err := json.Marshal(value)
	if err != nil {
		log.Fatal("a reply cannot be written: ", err)
	}
	var line bytes.Buffer
	for _, char := range string(written) {
		switch {
		case char < 0x80:
			line.WriteByte(byte(char))
		case char < 0x10000:
			fmt.Fprintf(&line, `\u%04x`, char)
		default:
			high, low := utf16.EncodeRune(char)
			fmt.Fprintf(&line, `\u%04x\u%04x`, high, low)
		}
	}
	line.WriteByte('\n')
	return line.Bytes()
}

func main() {
	known := apis{newTransport(), map[options]*datadogV2.RumReplayHeatmapsApi{}}
	lines := bufio.NewReader(os.Stdin)
	for {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF {
			return
		}
		var asked question
		decoder := json.NewDecoder(bytes.NewReader(line))
		decoder.UseNumber()
		if err := decoder.Decode(&asked); err != nil {
			log.Fatal("no line of the protocol: ", err)
		}
		told := hello
		switch asked.Cmd {
		case "bye":
			return
		case "echo":
			told = reply{"value": asked.Value, "seq": asked.Seq}
		case "update":
			told = outcomeOf(known, asked)
			told["seq"] = asked.Seq
		}
		if _, err := os.Stdout.Write(ascii(told)); err != nil {
			log.Fatal(err)
		}
	}
}
