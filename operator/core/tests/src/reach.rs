//! Who can connect to the server pod of a case, and where it can connect to.
//!
//! `golden/<case>/reach.yaml` is a table for people: peers, and the ports that are open to each. It is worked out from
//! the case's `in.yaml` and `adapters.yaml` alone ([`asked`]), by what the CRD promises and without the code that renders
//! policies. `golden::case` compares it, and `DITTOFS_BLESS=1` rewrites it. `golden::reach` then has a program of others
//! judge the NetworkPolicies that are rendered, connection by connection, and compares its verdicts with the table.
//!
//! The peers come from the case as well ([`parties`]): always a pod of the same namespace, one of another and an address
//! outside; and for each peer that the spec names somebody whom it means and somebody whom it only just does not.
//!
//! Of an adapter that leaves, or of which nothing is known, the table has what its Service in `services.yaml` leads to.
//! Without that file there is none, and nothing stays open.

mod asked;
mod parties;
mod spoilt;

use crate::trial::{plain, skipped};
use crate::{Outcome, fail};
use asked::{Asked, Opening};
use dittofs_operator_core::desired::Desired;
use dittofs_rig::policy_evaluator::{Attempt, PodIdentity, PolicyEvaluator};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use libtest_mimic::Trial;
use parties::Party;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::case::{Case, parse};
use super::diff;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Tried besides the ports that a case speaks of: those of the server and its sidecar, of protocols near to it, and some
/// that nobody has any business with.
const PORTS: [u16; 19] = [
    22, 53, 80, 111, 443, 445, 1445, 2049, 3702, 5353, 5357, 5432, 6443, 8080, 8081, 9090, 10111,
    12049, 50000,
];
const PROTOCOLS: [&str; 3] = ["TCP", "UDP", "SCTP"];

/// Protocol and number.
type Port = (&'static str, u16);

/// The ports that are open, to each party.
type Table = Vec<(String, BTreeSet<Port>)>;

pub fn trials(cases: &[Case]) -> Vec<Trial> {
    let evaluator = PolicyEvaluator::find().map_err(|error| error.to_string());
    let trial =
        |name: &str, test: Box<dyn FnOnce(PolicyEvaluator) -> Outcome + Send>| match &evaluator {
            Ok(evaluator) => {
                let evaluator = evaluator.clone();
                plain(name, move || test(evaluator))
            }
            Err(reason) => skipped(name, reason),
        };
    let mut trials = vec![trial(
        "golden::reach_notices_what_is_wrong",
        Box::new(|evaluator| spoilt::is_noticed(&evaluator)),
    )];
    for case in cases {
        let name = format!("golden::reach::{}", case.name);
        let case = case.clone();
        trials.push(trial(
            &name,
            Box::new(move |evaluator| policies_do_what_was_asked(&case, &evaluator)),
        ));
    }
    trials
}

/// The text of `reach.yaml`.
pub fn table(case: &Case) -> Result<String, Error> {
    let scene = Scene::of(case)?;
    let from = scene.expected(&scene.sources, scene.asked.from.as_deref());
    let to = scene.expected(&scene.destinations, scene.asked.to.as_deref());
    Ok(scene.text(&from, &to))
}

fn policies_do_what_was_asked(case: &Case, evaluator: &PolicyEvaluator) -> Outcome {
    let expected = table(case)?;
    let actual = judged(case, policies(case)?, evaluator)?;
    if expected == actual {
        return Ok(());
    }
    fail!(
        "the NetworkPolicies do not open what {} says (-), but this (+)\n{}",
        case.folder.join("reach.yaml").display(),
        diff::lines(&expected, &actual)
    );
}

/// The same text, from the verdicts of the program.
fn judged(
    case: &Case,
    policies: Vec<NetworkPolicy>,
    evaluator: &PolicyEvaluator,
) -> Result<String, Error> {
    let scene = Scene::of(case)?;
    let mut attempts = Vec::new();
    for party in &scene.sources {
        attempts.extend(scene.tries(|| (party.clone(), scene.server.clone())));
    }
    for party in &scene.destinations {
        attempts.extend(scene.tries(|| (scene.server.clone(), party.clone())));
    }
    let verdicts = evaluator.judge(policies, &attempts)?;
    let mut verdicts = verdicts.chunks(scene.tried.len());
    let mut table = |parties: &[Party]| -> Table {
        let open = |party: &Party| {
            let verdicts = verdicts.next().unwrap_or_default();
            let open = scene.tried.iter().zip(verdicts).filter(|(_, open)| **open);
            (party.name.clone(), open.map(|(port, _)| *port).collect())
        };
        parties.iter().map(open).collect()
    };
    let (from, to) = (table(&scene.sources), table(&scene.destinations));
    Ok(scene.text(&from, &to))
}

fn policies(case: &Case) -> Result<Vec<NetworkPolicy>, Error> {
    Ok(Desired::of(&parse(&case.observed()?)).network_policies)
}

/// A case with all that connections are tried between.
struct Scene {
    asked: Asked,
    server: Party,
    sources: Vec<Party>,
    destinations: Vec<Party>,
    tried: Vec<Port>,
    port_names: BTreeMap<Port, String>,
}

impl Scene {
    fn of(case: &Case) -> Result<Self, Error> {
        let asked = asked::of(case)?;
        let desired = Desired::of(&parse(&case.observed()?));
        let pod = PodIdentity {
            namespace: asked.namespace.clone(),
            namespace_labels: parties::own_labels(&asked.namespace),
            pod_labels: labels(desired.stateful_set.as_ref(), &asked.instance),
        };
        let server = Party::pod("the server", pod, 10);
        let from = asked.from.iter().flatten();
        let to = asked.to.iter().flatten();
        Ok(Self {
            sources: parties::all(&asked.namespace, from.clone(), false),
            destinations: parties::all(&asked.namespace, to.clone(), true),
            tried: tried(&asked.published, from.chain(to)),
            port_names: port_names(desired.stateful_set.as_ref()),
            asked,
            server,
        })
    }

    /// `None`: no limits.
    fn expected(&self, parties: &[Party], openings: Option<&[Opening]>) -> Table {
        let is_open = |party: &Party, port: Port| {
            openings.is_none_or(|openings| {
                let mut openings = openings.iter();
                openings.any(|opening| opening.admits(party, port, &self.asked.namespace))
            })
        };
        let open = |party: &Party| {
            let open = self.tried.iter().filter(|port| is_open(party, **port));
            (party.name.clone(), open.copied().collect())
        };
        parties.iter().map(open).collect()
    }

    fn tries(&self, between: impl Fn() -> (Party, Party)) -> impl Iterator<Item = Attempt> {
        self.tried.iter().map(move |port| {
            let (source, destination) = between();
            let name = self.port_names.get(port).cloned();
            Attempt {
                source: source.party,
                destination: destination.party,
                protocol: port.0.to_owned(),
                port: port.1,
                port_name: name.unwrap_or_default(),
            }
        })
    }

    fn text(&self, from: &Table, to: &Table) -> String {
        let mut text = "# Which ports of the server pod are open to whom, and which ports of whom are open to it.\n\
            # Others were tried, too, and are closed.\n"
            .to_owned();
        for (direction, table) in [("from", from), ("to", to)] {
            if table.iter().all(|(_, open)| open.len() == self.tried.len()) {
                let _ = writeln!(text, "{direction}: anything");
                continue;
            }
            let _ = writeln!(text, "{direction}:");
            for (party, open) in table {
                let _ = writeln!(text, "  {party}: [{}]", self.words(open));
            }
        }
        text
    }

    fn words(&self, open: &BTreeSet<Port>) -> String {
        if open.len() == self.tried.len() {
            return "anything".to_owned();
        }
        let words = open
            .iter()
            .map(|(protocol, port)| format!("{protocol} {port}"));
        words.collect::<Vec<_>>().join(", ")
    }
}

/// What selects the pod is judged by the labels that it really gets. Where no pod is made, one may be running.
fn labels(stateful_set: Option<&StatefulSet>, instance: &str) -> BTreeMap<String, String> {
    let template = stateful_set
        .and_then(|set| set.spec.as_ref())
        .and_then(|spec| spec.template.metadata.as_ref());
    let labels = template.and_then(|metadata| metadata.labels.clone());
    labels.unwrap_or_else(|| {
        let pairs = [("app", "dittofs-server"), ("instance", instance)];
        pairs
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into()
    })
}

/// Policies may name ports as the containers do.
fn port_names(stateful_set: Option<&StatefulSet>) -> BTreeMap<Port, String> {
    let spec = stateful_set
        .and_then(|set| set.spec.as_ref())
        .and_then(|spec| spec.template.spec.as_ref());
    let containers = spec.iter().flat_map(|spec| {
        spec.containers
            .iter()
            .chain(spec.init_containers.iter().flatten())
    });
    let ports = containers.flat_map(|container| container.ports.iter().flatten());
    ports
        .filter_map(|port| {
            let protocol = port.protocol.as_deref().unwrap_or("TCP");
            let protocol = PROTOCOLS.into_iter().find(|known| *known == protocol)?;
            let number = u16::try_from(port.container_port).ok()?;
            Some(((protocol, number), port.name.clone()?))
        })
        .collect()
}

/// With the ports on both sides of those that are open: a range that is too wide shows there.
fn tried<'a>(published: &[u16], openings: impl Iterator<Item = &'a Opening>) -> Vec<Port> {
    let bounds = openings
        .flat_map(|opening| opening.ports.iter().flatten())
        .flat_map(|range| [range.first, range.last]);
    let near = bounds
        .chain(published.iter().copied())
        .flat_map(|port| [port.saturating_sub(1), port, port.saturating_add(1)]);
    let near: BTreeSet<u16> = near.filter(|port| *port > 0).collect();
    let of = |protocol| near.iter().map(move |port| (protocol, *port));
    let others = |protocol| PORTS.map(|port| (protocol, port));
    let mut tried: BTreeSet<Port> = PROTOCOLS.into_iter().flat_map(of).collect();
    // Nobody speaks SCTP here: it is enough to see that it is not let through along with the others.
    tried.extend(["TCP", "UDP"].into_iter().flat_map(others));
    tried.into_iter().collect()
}
