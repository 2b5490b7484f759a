/** Loaded before an example of the page (`node --require`): its https goes through the proxy, the program as it is. */

"use strict";

const https = require("node:https");
const { HttpsProxyAgent } = require("https-proxy-agent");

https.globalAgent = new HttpsProxyAgent(process.env.CONTRACT_PROXY_URL);
