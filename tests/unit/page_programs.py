"""Programs of the page's form in the compiled languages and Ruby, with the body of `test_examples`."""

PROGRAMS = {
    "go": """\
package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/DataDog/datadog-api-client-go/v2/api/datadog"
	"github.com/DataDog/datadog-api-client-go/v2/api/datadogV2"
)

func main() {
	attributes := datadogV2.NewSnapshotUpdateRequestDataAttributes("an event", true, 7)
	data := datadogV2.NewSnapshotUpdateRequestData(datadogV2.SNAPSHOTUPDATEREQUESTDATATYPE_SNAPSHOTS)
	data.SetAttributes(*attributes)
	data.SetId("{ID}")
	ctx := datadog.NewDefaultContext(context.Background())
	api := datadogV2.NewRumReplayHeatmapsApi(datadog.NewAPIClient(datadog.NewConfiguration()))
	got, _, err := api.UpdateReplayHeatmapSnapshot(ctx, "{ID}", *datadogV2.NewSnapshotUpdateRequest(*data))
	text, _ := json.Marshal(got)
	fmt.Println(string(text), err)
}
""",
    "java": """\
import com.datadog.api.client.ApiClient;
import com.datadog.api.client.v2.api.RumReplayHeatmapsApi;
import com.datadog.api.client.v2.model.*;

public class Example {
  public static void main(String[] words) throws Exception {
    SnapshotUpdateRequestDataAttributes attributes =
        new SnapshotUpdateRequestDataAttributes().eventId("an event").isDeviceTypeSelectedByUser(true).start(7L);
    SnapshotUpdateRequestData data =
        new SnapshotUpdateRequestData().attributes(attributes).id("{ID}").type(SnapshotUpdateRequestDataType.SNAPSHOTS);
    RumReplayHeatmapsApi api = new RumReplayHeatmapsApi(ApiClient.getDefaultApiClient());
    System.out.println(api.updateReplayHeatmapSnapshot("{ID}", new SnapshotUpdateRequest().data(data)));
  }
}
""",
    "ruby": """\
require "datadog_api_client"
include DatadogAPIClient::V2

attributes = SnapshotUpdateRequestDataAttributes.new({
  event_id: "an event", is_device_type_selected_by_user: true, start: 7
})
data = SnapshotUpdateRequestData.new({
  attributes: attributes, id: "{ID}", type: SnapshotUpdateRequestDataType::SNAPSHOTS
})
p RumReplayHeatmapsAPI.new.update_replay_heatmap_snapshot("{ID}", SnapshotUpdateRequest.new({ data: data }))
""",
    "rust": """\
use datadog_api_client::datadog::Configuration;
use datadog_api_client::datadogV2::api_rum_replay_heatmaps::RumReplayHeatmapsAPI;
use datadog_api_client::datadogV2::model::*;

#[tokio::main]
async fn main() {
    let attributes = SnapshotUpdateRequestDataAttributes::new("an event".to_string(), true, 7);
    let data = SnapshotUpdateRequestData::new(SnapshotUpdateRequestDataType::SNAPSHOTS)
        .attributes(attributes)
        .id("{ID}".to_string());
    let api = RumReplayHeatmapsAPI::with_config(Configuration::new());
    let got = api
        .update_replay_heatmap_snapshot("{ID}".to_string(), SnapshotUpdateRequest::new(data))
        .await;
    println!("{got:?}");
}
""",
}


def sections(snapshot_id: str) -> str:
    """Return the programs as the page has them, after those of other languages."""
    return "".join(
        f"#####\x20\n\n```{language}\n{program.replace('{ID}', snapshot_id)}```\n\n"
        for language, program in PROGRAMS.items()
    )
