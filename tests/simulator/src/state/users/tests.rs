use super::*;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn booted() -> Users {
    let admin = FirstAdmin {
        password: "admin-pass",
        must_change_password: false,
    };
    Users::first_boot(admin, NOW).unwrap()
}

fn new(username: &str, password: &str, role: &str) -> NewUser {
    NewUser {
        username: username.to_owned(),
        password: password.to_owned(),
        role: role.to_owned(),
        ..NewUser::default()
    }
}

#[test]
fn creation_is_judged_in_the_servers_order() {
    for (username, password, role, want) in [
        ("", "long-enough", "user", Err(Refusal::UsernameRequired)),
        ("a", "", "user", Err(Refusal::PasswordRequired)),
        ("a", "short", "wizard", Err(Refusal::PasswordNotHashable)),
        ("admin", "long-enough", "wizard", Err(Refusal::UnknownRole)),
        ("admin", "long-enough", "user", Err(Refusal::UserExists)),
        ("a", "long-enough", "", Ok((Role::User, false))),
        ("a", "long-enough", "operator", Ok((Role::Operator, false))),
        ("a", "long-enough", "admin", Ok((Role::Admin, true))),
    ] {
        let got = booted().create(new(username, password, role), &Groups::default(), NOW);
        let got = got.map(|user| (user.role, user.must_change_password));
        assert_eq!(got, want, "{username} {password} {role}");
    }
}

#[test]
fn a_reset_binds_admins_only() {
    let mut users = booted();
    users
        .create(
            new("op", "long-enough", "operator"),
            &Groups::default(),
            NOW,
        )
        .unwrap();
    users.reset_password("op", "another-one").unwrap();
    users.reset_password("admin", "another-one").unwrap();
    assert!(!users.profile("op").unwrap().must_change_password);
    assert!(users.profile("admin").unwrap().must_change_password);
    assert_eq!(
        users.reset_password("ghost", "another-one"),
        Err(Refusal::UserNotFound)
    );
    assert_eq!(
        users.reset_password("op", "short"),
        Err(Refusal::PasswordNotHashable)
    );
    assert_eq!(
        users.login("op", "long-enough", NOW),
        Err(Refusal::WrongCredentials)
    );
    assert!(users.login("op", "another-one", NOW).is_ok());
}

#[test]
fn own_password_needs_the_current_one_unless_it_must_change() {
    let mut users = booted();
    users
        .create(
            new("chief", "long-enough", "admin"),
            &Groups::default(),
            NOW,
        )
        .unwrap();
    let changed = users
        .change_own_password("chief", "", "chosen-by-me")
        .unwrap();
    assert!(!changed.must_change_password);
    for (current, next, want) in [
        ("", "chosen-again", Refusal::CurrentPasswordRequired),
        ("nope", "chosen-again", Refusal::WrongCurrentPassword),
        ("chosen-by-me", "", Refusal::NewPasswordRequired),
        ("chosen-by-me", "short", Refusal::PasswordNotHashable),
    ] {
        assert_eq!(users.change_own_password("chief", current, next), Err(want));
    }
    assert_eq!(
        users.change_own_password("ghost", "x", "chosen-again"),
        Err(Refusal::CallerGone)
    );
}

#[test]
fn deletion_spares_the_first_admin() {
    let mut users = booted();
    users
        .create(
            new("op", "long-enough", "operator"),
            &Groups::default(),
            NOW,
        )
        .unwrap();
    assert!(users.delete("op").is_ok());
    assert_eq!(users.delete("op"), Err(Refusal::UserNotFound));
    assert_eq!(users.delete("admin"), Err(Refusal::AdminIsForever));
}

#[test]
fn a_disabled_user_cannot_log_in() {
    let mut users = booted();
    let off = NewUser {
        enabled: Some(false),
        ..new("off", "long-enough", "user")
    };
    let made = users.create(off, &Groups::default(), NOW).unwrap();
    assert!(made.enabled, "a new user is enabled whatever is asked");
    let patch = UserPatch {
        enabled: Some(false),
        ..UserPatch::default()
    };
    users.update("off", &patch).unwrap();
    for password in ["long-enough", "wrong-one-1"] {
        assert_eq!(
            users.login("off", password, NOW),
            Err(Refusal::UserDisabled),
            "{password}"
        );
    }
    assert_eq!(
        users.login("off", "", NOW),
        Err(Refusal::CredentialsRequired)
    );
}

#[test]
fn users_survive_the_state_file() {
    let users = booted();
    let text = serde_json::to_string(&users).unwrap();
    let mut back: Users = serde_json::from_str(&text).unwrap();
    assert!(back.login("admin", "admin-pass", NOW).is_ok());
    assert!(!text.contains("admin-pass"));
}

#[test]
fn users_are_found_by_id_and_their_passwords_are_not() {
    let mut users = booted();
    let id = users.profile("admin").unwrap().id.clone();
    assert_eq!(users.profile(&id).unwrap().username, "admin");
    assert_eq!(users.delete(&id), Err(Refusal::AdminIsForever));
    assert_eq!(
        users.reset_password(&id, "another-one"),
        Err(Refusal::PasswordNotUpdated)
    );
    assert!(users.login("admin", "admin-pass", NOW).is_ok());
}

#[test]
fn groups_must_exist_and_numbers_are_for_one_user() {
    let mut users = booted();
    let asks = |name: &str, groups: &[&str], uid| NewUser {
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        uid,
        ..new(name, "long-enough", "user")
    };
    let made = users.create(
        asks("a", &["users", "operators", "users"], Some(1001)),
        &Groups::default(),
        NOW,
    );
    assert_eq!(made.unwrap().groups, ["operators", "users"]);
    assert_eq!(
        users.create(asks("b", &["nope"], None), &Groups::default(), NOW),
        Err(Refusal::UnknownGroup)
    );
    assert_eq!(
        users.create(asks("c", &[], Some(1001)), &Groups::default(), NOW),
        Err(Refusal::UserExists)
    );
}
