use super::*;

const DATE: &str = "2026-01-02";

/// A copy of the files of this repository that a release touches.
struct Copy(PathBuf);

impl Copy {
    fn new(name: &str) -> Self {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let to = std::env::temp_dir().join(format!("dittofs-xtask-{name}-{}", std::process::id()));
        for file in PLACES
            .iter()
            .map(|(file, _)| *file)
            .chain([LOCK, CHANGELOG])
        {
            let target = to.join(file);
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            fs::copy(from.join(file), target).unwrap();
        }
        let copy = Self(to);
        copy.write(
            CHANGELOG,
            "# Changelog\n\n## Unreleased\n\n### Added\n\n- Something.\n\n## 0.0.1 - 2025-01-01\n\n- First.\n",
        );
        copy
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.0.join(file), text).unwrap();
    }

    fn all(&self) -> Vec<String> {
        let files = places(&self.0).unwrap().into_iter();
        files
            .map(|place| read(&self.0, place.file).unwrap())
            .chain([read(&self.0, CHANGELOG).unwrap()])
            .collect()
    }

    /// The release fails with this text, and nothing is written.
    fn refuses(&self, version: &str, says: &str) {
        let before = self.all();
        let error = release(&self.0, version, DATE).unwrap_err().to_string();
        assert!(error.contains(says), "{version}: {error}");
        assert_eq!(self.all(), before, "{version}");
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

#[test]
fn every_place_has_the_new_version() {
    let copy = Copy::new("every-place");
    let changed = release(&copy.0, "99.1.2", DATE).unwrap();
    assert_eq!(missing(&copy.0, "99.1.2").unwrap(), []);
    assert_eq!(
        changed,
        [
            CHANGELOG,
            LOCK,
            MANIFEST,
            "Dockerfile.operator",
            "Dockerfile.sidecar",
            "README.md",
            "manifests/base/deployment.yaml"
        ]
    );
    let before = env!("CARGO_PKG_VERSION");
    assert_eq!(
        missing(&copy.0, before).unwrap(),
        places(&copy.0).unwrap(),
        "the version before is still somewhere"
    );
}

#[test]
fn packages_of_others_keep_their_version() {
    let copy = Copy::new("others");
    let before = read(&copy.0, LOCK).unwrap();
    release(&copy.0, "99.1.2", DATE).unwrap();
    let after = read(&copy.0, LOCK).unwrap();
    let ours = our_packages(&before).count();
    assert!(our_packages(&before).all(|name| name.starts_with("dittofs-")));
    let differ = before.lines().zip(after.lines()).filter(|(a, b)| a != b);
    assert_eq!(differ.count(), ours);
}

#[test]
fn unreleased_changes_get_version_and_date() {
    let copy = Copy::new("changelog");
    release(&copy.0, "99.1.2", DATE).unwrap();
    assert_eq!(
        read(&copy.0, CHANGELOG).unwrap(),
        "# Changelog\n\n## Unreleased\n\n## 99.1.2 - 2026-01-02\n\n### Added\n\n- Something.\n\n## 0.0.1 - 2025-01-01\n\n- First.\n"
    );
    copy.refuses("99.1.3", "lists nothing");
}

#[test]
fn the_version_that_is_there_can_be_released_once() {
    let copy = Copy::new("once");
    let current = current(&copy.0).unwrap().to_string();
    let changed = release(&copy.0, &current, DATE).unwrap();
    assert_eq!(changed, [CHANGELOG]);
    copy.refuses(&current, "is not higher than");
}

#[test]
fn what_is_no_higher_semantic_version_is_refused() {
    let copy = Copy::new("refused");
    for version in ["1.2", "v1.2.3", "1.2.3.4", "01.2.3", "", "latest"] {
        copy.refuses(version, "is not a semantic version");
    }
    copy.refuses("99.1.2+build", "has build metadata");
    copy.refuses("0.0.1", "is not higher than");
    // A pre-release comes before its release.
    release(&copy.0, "99.1.2-rc.1", DATE).unwrap();
    copy.write(CHANGELOG, "## Unreleased\n\n- More.\n");
    copy.refuses("99.1.1", "is not higher than");
    release(&copy.0, "99.1.2", DATE).unwrap();
}

#[test]
fn a_place_that_says_something_else_stops_the_release() {
    let copy = Copy::new("place");
    copy.write("README.md", "nothing of a version\n");
    copy.refuses("99.1.2", "README.md does not say");
    copy.write(CHANGELOG, "# Changelog\n");
    copy.refuses("99.1.2", "has no heading");
}
