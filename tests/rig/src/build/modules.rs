//! What is built, and from which of the modules in `modules/`.

use std::path::{Path, PathBuf};

/// Which programs are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// etcd, the API server, the controllers, kubectl.
    ControlPlane,
    /// The same, and the kubelet, kube-proxy, containerd and the CNI plugins.
    Node,
}

pub(crate) struct Module {
    pub(crate) name: &'static str,
    pub(crate) tags: &'static str,
    pub(crate) ldflags: &'static str,
    pub(crate) programs: &'static [Program],
}

pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) package: &'static str,
    pub(crate) part: Part,
}

const fn program(name: &'static str, package: &'static str, part: Part) -> Program {
    Program {
        name,
        package,
        part,
    }
}

/// The version that the `kubernetes` module pins; its programs would else call themselves v0.0.0.
const KUBERNETES_VERSION: &str = "-s -w \
    -X k8s.io/component-base/version.gitVersion=v1.36.3 \
    -X k8s.io/component-base/version.gitMajor=1 \
    -X k8s.io/component-base/version.gitMinor=36";

pub(crate) const ETCD: Module = Module {
    name: "etcd",
    tags: "",
    ldflags: "-s -w",
    programs: &[program(
        "etcd",
        "go.etcd.io/etcd/server/v3",
        Part::ControlPlane,
    )],
};

pub(crate) const KUBERNETES: Module = Module {
    name: "kubernetes",
    tags: "",
    ldflags: KUBERNETES_VERSION,
    programs: &[
        program(
            "kube-apiserver",
            "k8s.io/kubernetes/cmd/kube-apiserver",
            Part::ControlPlane,
        ),
        program(
            "kube-controller-manager",
            "k8s.io/kubernetes/cmd/kube-controller-manager",
            Part::ControlPlane,
        ),
        program(
            "kubectl",
            "k8s.io/kubernetes/cmd/kubectl",
            Part::ControlPlane,
        ),
        program(
            "kube-scheduler",
            "k8s.io/kubernetes/cmd/kube-scheduler",
            Part::Node,
        ),
        program("kubelet", "k8s.io/kubernetes/cmd/kubelet", Part::Node),
        program("kube-proxy", "k8s.io/kubernetes/cmd/kube-proxy", Part::Node),
    ],
};

pub(crate) const CONTAINERD: Module = Module {
    name: "containerd",
    tags: "no_btrfs",
    ldflags: "-s -w",
    programs: &[
        program(
            "containerd",
            "github.com/containerd/containerd/v2/cmd/containerd",
            Part::Node,
        ),
        program(
            "containerd-shim-runc-v2",
            "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2",
            Part::Node,
        ),
        program(
            "ctr",
            "github.com/containerd/containerd/v2/cmd/ctr",
            Part::Node,
        ),
    ],
};

pub(crate) const CNI: Module = Module {
    name: "cni",
    tags: "",
    ldflags: "-s -w",
    programs: &[
        program(
            "ptp",
            "github.com/containernetworking/plugins/plugins/main/ptp",
            Part::Node,
        ),
        program(
            "loopback",
            "github.com/containernetworking/plugins/plugins/main/loopback",
            Part::Node,
        ),
        program(
            "host-local",
            "github.com/containernetworking/plugins/plugins/ipam/host-local",
            Part::Node,
        ),
    ],
};

/// No part of a cluster: `policy_evaluator` runs it.
pub(crate) const CYCLONUS: Module = Module {
    name: "cyclonus",
    tags: "",
    ldflags: "-s -w",
    programs: &[program(
        "cyclonus",
        "github.com/mattfenwick/cyclonus/cmd/cyclonus",
        Part::ControlPlane,
    )],
};

/// Nothing is built from it: `foreign_crds` takes files out of the modules that it pins.
pub(crate) const CRDS: Module = Module {
    name: "crds",
    tags: "",
    ldflags: "",
    programs: &[],
};

impl Module {
    /// The folder with the module's pins.
    pub(crate) fn source(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("modules")
            .join(self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_pinned_one() {
        let pins = std::fs::read_to_string(KUBERNETES.source().join("go.mod")).unwrap();
        assert!(pins.contains("k8s.io/kubernetes v1.36.3"));
        assert!(KUBERNETES_VERSION.contains("gitVersion=v1.36.3"));
    }
}
