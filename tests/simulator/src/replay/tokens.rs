//! The tokens that a conversation has brought so far.

use std::collections::BTreeMap;

use serde_json::Value;

use super::client::Reply;

const NO_TOKEN: &str = "not-a-token";

/// The latest tokens of one user.
#[derive(Clone, Default)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

/// The latest tokens of all users.
#[derive(Default)]
pub(crate) struct Wallet(BTreeMap<String, Tokens>);

impl Wallet {
    /// What a user sends, which is no token if it has not logged in.
    pub(crate) fn access(&self, user: &str) -> String {
        let tokens = self.0.get(user);
        tokens.map_or_else(|| NO_TOKEN.to_owned(), |tokens| tokens.access.clone())
    }

    /// All tokens of a user.
    pub(crate) fn of(&self, user: &str) -> Tokens {
        self.0.get(user).cloned().unwrap_or_default()
    }

    /// Keeps the tokens that a reply brings.
    pub(crate) fn remember(&mut self, reply: &Reply) {
        let json: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        let text = |pointer: &str| json.pointer(pointer)?.as_str().map(str::to_owned);
        if let (Some(user), Some(access), Some(refresh)) = (
            text("/user/username"),
            text("/access_token"),
            text("/refresh_token"),
        ) {
            self.0.insert(user, Tokens { access, refresh });
        }
    }
}
