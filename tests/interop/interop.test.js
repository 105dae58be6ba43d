/** All clients, one after the other, against one server; then the table of what they have walked. */

import './clients/openid_client.js'
import './clients/rust_openidconnect.js'
import './clients/server_app.js'
import './clients/mod_auth_openidc.js'
import './clients/oidc_agent.js'
