//! Makes the sidecar's own user, or sets its password, with the first administrator's credentials.

use super::login::{self, Login, Tokens, detail, unexpected};
use crate::credentials::{CredentialFiles, Credentials};
use crate::http::{Answer, Http};
use crate::outcome::Failure;
use hyper::StatusCode;
use serde_json::json;
use std::fmt::Write as _;
use std::time::Duration;

/// The server answers shorter ones with "500 Failed to hash password".
const SHORTEST_PASSWORD: usize = 8;

/// Sees to it that `own` can log in.
pub(super) async fn repair(
    http: &Http,
    own: &Credentials,
    admin: Option<&CredentialFiles>,
    now: Duration,
) -> Result<(), Failure> {
    let admin = administrator(own, admin)?;
    let tokens = match login::log_in(http, &admin, now).await? {
        Login::Granted(tokens) => tokens,
        Login::Denied(_) => return Err(administrator_refused(own)),
    };
    if create(http, own, &tokens).await? {
        tracing::info!(
            username = own.username,
            "made the sidecar's user in DittoFS, with role operator"
        );
    } else {
        set_password(http, own, &tokens).await?;
        tracing::info!(
            username = own.username,
            "set the password of the sidecar's user in DittoFS"
        );
    }
    Ok(())
}

fn administrator(
    own: &Credentials,
    admin: Option<&CredentialFiles>,
) -> Result<Credentials, Failure> {
    let username = &own.username;
    let Some(Ok(admin)) = admin.map(CredentialFiles::read) else {
        return Err(Failure::refused(format!(
            "DittoFS refuses user \"{username}\", and no administrator's credentials are mounted to repair that: make the user with role operator and the password from the sidecar's Secret"
        )));
    };
    if admin.username == *username {
        return Err(Failure::refused(format!(
            "DittoFS refuses user \"{username}\", who is the administrator: the sidecar needs a user of its own and changes no administrator's password"
        )));
    }
    if own.password.reveal().chars().count() < SHORTEST_PASSWORD {
        return Err(Failure::refused(format!(
            "DittoFS takes no passwords below {SHORTEST_PASSWORD} characters: put a longer one for \"{username}\" into the sidecar's Secret"
        )));
    }
    Ok(admin)
}

fn administrator_refused(own: &Credentials) -> Failure {
    Failure::refused(format!(
        "DittoFS refuses user \"{}\", and the administrator's credentials too: put the administrator's present password into its Secret, or make the user with role operator and the password from the sidecar's Secret",
        own.username
    ))
}

/// Whether the user was made; it may have been there.
async fn create(http: &Http, own: &Credentials, admin: &Tokens) -> Result<bool, Failure> {
    let body =
        json!({"username": own.username, "password": own.password.reveal(), "role": "operator"});
    let answer = http
        .post("/api/v1/users", Some(&admin.access), &body)
        .await?;
    match answer.status {
        StatusCode::CREATED => Ok(true),
        StatusCode::CONFLICT => Ok(false),
        _ => Err(not_allowed(&answer, own, "be made")),
    }
}

async fn set_password(http: &Http, own: &Credentials, admin: &Tokens) -> Result<(), Failure> {
    let path = format!("/api/v1/users/{}/password", path_segment(&own.username));
    let body = json!({"new_password": own.password.reveal()});
    let answer = http.post(&path, Some(&admin.access), &body).await?;
    if answer.status.is_success() {
        return Ok(());
    }
    Err(not_allowed(&answer, own, "get its password"))
}

fn not_allowed(answer: &Answer, own: &Credentials, what: &str) -> Failure {
    let username = &own.username;
    match answer.status {
        StatusCode::FORBIDDEN => Failure::refused(format!(
            "user \"{username}\" cannot {what}, because DittoFS forbids it to the administrator ({}): an administrator whose password must be changed has to change it first",
            detail(answer)
        )),
        StatusCode::UNAUTHORIZED | StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => {
            Failure::refused(format!(
                "user \"{username}\" cannot {what} ({})",
                detail(answer)
            ))
        }
        _ => unexpected(answer, "the repair of the sidecar's user"),
    }
}

/// A name as one segment of a path.
fn path_segment(name: &str) -> String {
    name.bytes().fold(String::new(), |mut path, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(path, "%{byte:02X}");
        }
        path
    })
}

#[cfg(test)]
mod unit {
    use super::path_segment;

    #[test]
    fn a_name_stays_one_segment() {
        assert_eq!(path_segment("dittofs-sidecar"), "dittofs-sidecar");
        assert_eq!(path_segment("a/../b?ü"), "a%2F..%2Fb%3F%C3%BC");
    }
}
