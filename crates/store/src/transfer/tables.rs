//! The tables, each once.

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A number of 64 bits.
    Integer,
    /// A flag; 0 or 1 where a backend has no type for it.
    Boolean,
    /// UTF-8.
    Text,
    /// Bytes.
    Bytes,
}

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name, the same in every backend.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether it may hold nothing.
    pub nullable: bool,
}

/// A table.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name, the same in every backend. One of them is a reserved word: always write it quoted.
    pub name: &'static str,
    /// Its columns, those of the primary key first.
    pub columns: &'static [Column],
    /// How many columns the primary key has.
    key: usize,
}

impl Table {
    /// The columns of the primary key.
    #[must_use]
    pub fn key_columns(&self) -> &'static [Column] {
        self.columns.get(..self.key).unwrap_or(self.columns)
    }

    /// The primary key of a row.
    #[must_use]
    pub fn key_of<'a, T>(&self, row: &'a [T]) -> &'a [T] {
        row.get(..self.key).unwrap_or(row)
    }
}

const fn column(name: &'static str, kind: Kind) -> Column {
    Column { name, kind, nullable: false }
}

const fn integer(name: &'static str) -> Column {
    column(name, Kind::Integer)
}

const fn boolean(name: &'static str) -> Column {
    column(name, Kind::Boolean)
}

const fn text(name: &'static str) -> Column {
    column(name, Kind::Text)
}

const fn bytes(name: &'static str) -> Column {
    column(name, Kind::Bytes)
}

const fn maybe(column: Column) -> Column {
    Column { nullable: true, ..column }
}

const fn table(name: &'static str, key: usize, columns: &'static [Column]) -> Table {
    Table { name, columns, key }
}

/// All tables whose rows are moved, those first that others refer to.
pub const TABLES: &[Table] = &[
    table(
        "user",
        1,
        &[
            bytes("id"),
            text("username"),
            maybe(text("email")),
            boolean("email_verified"),
            maybe(text("name")),
            maybe(text("locale")),
            integer("status"),
            integer("epoch"),
            integer("created_at"),
            integer("updated_at"),
        ],
    ),
    table("user_name", 1, &[text("key"), bytes("user_id")]),
    table("password", 1, &[bytes("user_id"), bytes("sealed"), integer("updated_at")]),
    table(
        "client",
        1,
        &[text("id"), text("metadata"), boolean("enabled"), integer("created_at"), integer("updated_at")],
    ),
    table("client_secret", 2, &[text("client_id"), bytes("hash"), integer("added_at")]),
    table("client_origin", 2, &[text("origin"), text("client_id")]),
    table(
        "client_registration",
        1,
        &[text("client_id"), bytes("token"), integer("issued_at"), integer("used_at"), maybe(integer("unused_life"))],
    ),
    table(
        "initial_access_token",
        1,
        &[bytes("id"), bytes("hash"), text("note"), integer("uses_left"), integer("expires_at"), integer("created_at")],
    ),
    table(
        "session",
        1,
        &[
            bytes("id"),
            bytes("secret"),
            bytes("user_id"),
            integer("epoch"),
            integer("auth_time"),
            text("amr"),
            text("acr"),
            integer("idle_seconds"),
            integer("expires_at"),
            boolean("persistent"),
            integer("created_at"),
            integer("last_seen_at"),
            text("device"),
            maybe(integer("ended_at")),
        ],
    ),
    table(
        "authorization",
        1,
        &[
            bytes("id"),
            bytes("browser"),
            text("client_id"),
            text("redirect_uri"),
            maybe(text("state")),
            text("scope"),
            maybe(text("nonce")),
            maybe(bytes("challenge")),
            integer("prompt"),
            maybe(integer("max_age")),
            maybe(text("login_hint")),
            maybe(text("ui_locales")),
            maybe(bytes("expected_user")),
            maybe(text("resource")),
            integer("requested_at"),
            integer("expires_at"),
            integer("status"),
            maybe(bytes("consented_user")),
            maybe(bytes("code")),
            maybe(bytes("user_id")),
            maybe(integer("epoch")),
            maybe(bytes("session_id")),
            maybe(integer("auth_time")),
            maybe(text("amr")),
            maybe(text("acr")),
            maybe(integer("code_expires_at")),
            maybe(bytes("grant_id")),
            integer("response_mode"),
            maybe(bytes("dpop_jkt")),
            maybe(text("acr_values")),
            boolean("acr_essential"),
            maybe(text("claims")),
            maybe(bytes("pushed")),
            maybe(bytes("chosen_user")),
            maybe(text("consented_scope")),
            maybe(text("granted_scope")),
        ],
    ),
    table(
        "app_grant",
        1,
        &[
            bytes("id"),
            bytes("user_id"),
            integer("epoch"),
            text("client_id"),
            bytes("session_id"),
            text("scope"),
            maybe(text("resource")),
            integer("auth_time"),
            text("amr"),
            text("acr"),
            boolean("offline"),
            boolean("lasting"),
            integer("created_at"),
            integer("expires_at"),
            integer("generation"),
            maybe(integer("predecessor")),
            integer("rotated_at"),
            maybe(integer("revoked_at")),
            maybe(text("claims")),
            maybe(bytes("jkt")),
        ],
    ),
    table(
        "device_code",
        1,
        &[
            bytes("code"),
            bytes("user_code"),
            text("client_id"),
            text("scope"),
            maybe(text("resource")),
            maybe(bytes("challenge")),
            text("address"),
            integer("requested_at"),
            integer("expires_at"),
            integer("interval_seconds"),
            integer("next_poll_at"),
            integer("status"),
            maybe(bytes("session_id")),
            maybe(bytes("user_id")),
            maybe(integer("epoch")),
            maybe(integer("auth_time")),
            maybe(text("amr")),
            maybe(text("acr")),
            maybe(bytes("grant_id")),
        ],
    ),
    table(
        "consent",
        2,
        &[
            bytes("user_id"),
            text("client_id"),
            text("scope"),
            integer("given_at"),
            maybe(text("resource")),
            maybe(text("allowed")),
        ],
    ),
    table(
        "par",
        1,
        &[
            bytes("handle"),
            text("client_id"),
            text("parameters"),
            integer("created_at"),
            integer("expires_at"),
            boolean("opened"),
            maybe(integer("answered_at")),
        ],
    ),
    table(
        "signing_key",
        1,
        &[
            text("kid"),
            text("alg"),
            bytes("sealed"),
            integer("created_at"),
            maybe(text("public")),
            maybe(integer("activated_at")),
            maybe(integer("retired_at")),
        ],
    ),
    table("master_key_check", 1, &[integer("one"), bytes("value")]),
    table(
        "throttle",
        1,
        &[
            bytes("key"),
            integer("attempts"),
            integer("window_began"),
            maybe(integer("blocked_until")),
            integer("forget_at"),
        ],
    ),
    table("replay", 1, &[bytes("key"), integer("until")]),
    table("revoked_token", 1, &[text("jti"), integer("expires_at")]),
    table(
        "logout_delivery",
        2,
        &[
            bytes("session_id"),
            text("client_id"),
            bytes("user_id"),
            integer("status"),
            maybe(integer("next_at")),
            maybe(integer("ended_at")),
            integer("attempts"),
            maybe(integer("settled_at")),
            maybe(text("answer")),
        ],
    ),
    table(
        "audit",
        1,
        &[
            integer("number"),
            integer("at"),
            text("event"),
            maybe(bytes("user_id")),
            maybe(text("client_id")),
            maybe(bytes("session_id")),
            maybe(bytes("grant_id")),
        ],
    ),
];
