/** All clients, one after the other, against one server; then the table of what they have walked. */

import './clients/openid_client.js'
import './clients/oauth4webapi.js'
import './clients/server_app.js'
import './clients/mobile_app.js'
import './clients/browser_apps.js'
import './clients/rust_openidconnect.js'
import './clients/device_and_machine.js'
import './clients/authlib.js'
import './clients/mod_auth_openidc.js'
import './clients/oidc_agent.js'
import './documentation.js'
