//! Logging in, refreshing tokens, and who am I.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Answer, Call};
use crate::{
    control::Shared,
    refusal::Refusal,
    state::users::Profile,
    token::{Claims, TokenFault, TokenKind},
};

#[derive(Deserialize, Default)]
#[serde(default)]
struct Login {
    username: String,
    password: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Refresh {
    refresh_token: String,
}

/// A pair of tokens and whom they are for.
#[derive(Serialize)]
struct Grant {
    access_token: String,
    refresh_token: String,
    token_type: &'static str,
    expires_in: u64,
    expires_at: Timestamp,
    user: Profile,
}

pub(super) fn login(control: &Shared, call: &Call) -> Result<Answer, Refusal> {
    let asked: Login = call.json()?;
    let now = Timestamp::now();
    let user = control.change(|state| state.users.login(&asked.username, &asked.password, now))?;
    Ok(grant(control, user))
}

pub(super) fn refresh(control: &Shared, call: &Call) -> Result<Answer, Refusal> {
    let asked: Refresh = call.json()?;
    if asked.refresh_token.is_empty() {
        return Err(Refusal::RefreshTokenRequired);
    }
    let claims = control
        .signer
        .verify(&asked.refresh_token, TokenKind::Refresh, Timestamp::now())
        .map_err(|fault| match fault {
            TokenFault::Invalid => Refusal::InvalidRefreshToken,
            TokenFault::Expired => Refusal::ExpiredRefreshToken,
        })?;
    let user = current(control, &claims)?;
    if !user.enabled {
        return Err(Refusal::UserDisabled);
    }
    Ok(grant(control, user))
}

pub(super) fn me(control: &Shared, caller: &Claims) -> Result<Answer, Refusal> {
    Ok(Answer::json(200, &current(control, caller)?))
}

/// Fresh tokens for a user.
pub(super) fn grant(control: &Shared, user: Profile) -> Answer {
    let now = Timestamp::now();
    let settings = &control.settings;
    let expires_at = now + settings.access_ttl;
    let access = Claims::new(&user, TokenKind::Access, now, expires_at);
    let refresh = Claims::new(&user, TokenKind::Refresh, now, now + settings.refresh_ttl);
    Answer::json(
        200,
        &Grant {
            access_token: control.signer.sign(&access),
            refresh_token: control.signer.sign(&refresh),
            token_type: "Bearer",
            expires_in: settings.access_ttl.as_secs(),
            expires_at,
            user,
        },
    )
}

/// The user a token is for, as it is now.
fn current(control: &Shared, claims: &Claims) -> Result<Profile, Refusal> {
    control
        .read(|state| state.users.profile(&claims.username).cloned())
        .ok_or(Refusal::CallerGone)
}
