//! What there is, and what is done to it.

use dittofs_operator_core::renewal::{Chosen, Edit, PodFacts, Refused, Sidecar, TemplateFacts};
use dittofs_shared::crd::SidecarUpdatePolicy;
use dittofs_shared::labels;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use super::pod::{Live, Program, Reported, Template, wall};

/// The images. The last one needs what only the second contract offers.
pub(super) const IMAGES: [&str; 3] = ["sidecar:1", "sidecar:2", "sidecar:3"];
pub(super) const DEMANDING: usize = 2;

/// Number of an image.
pub(super) fn number_of(image: &str) -> Option<usize> {
    IMAGES.iter().position(|known| *known == image)
}

/// All of it.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub now: Duration,
    /// Number of the image that is requested.
    pub requested: usize,
    /// By image.
    pub programs: [Program; 3],
    /// Whether an image has ever run, as far as a kubelet can tell.
    pub ran: [bool; 3],
    /// What the template offers to an image by now.
    pub contract: u8,
    /// What a pod has to be made anew for.
    pub inputs: u8,
    pub template: Option<Template>,
    pub pod: Option<Live>,
    /// What the operator knows of it.
    pub seen: Option<Live>,
    pub last: u32,
}

impl World {
    /// Nothing but a wish.
    pub(super) fn new() -> Self {
        Self {
            now: Duration::ZERO,
            requested: 0,
            programs: [Program::Runs; 3],
            ran: [false; 3],
            contract: 0,
            inputs: 0,
            template: None,
            pod: None,
            seen: None,
            last: 0,
        }
    }

    /// Of everything that a decision may depend on: not of numbers and times by themselves.
    pub(super) fn hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.requested, self.programs, self.ran).hash(&mut hasher);
        (self.contract, self.inputs, &self.template).hash(&mut hasher);
        for pod in [&self.pod, &self.seen] {
            let pod = pod.as_ref();
            pod.map(|pod| pod.essence(self.now)).hash(&mut hasher);
        }
        let identity = |pod: &Live| (pod.uid, pod.version);
        let [pod, seen] = [&self.pod, &self.seen].map(|pod| pod.as_ref().map(identity));
        (pod == seen, pod.map(|pod| pod.0) == seen.map(|seen| seen.0)).hash(&mut hasher);
        hasher.finish()
    }

    fn number(&mut self) -> u32 {
        self.last += 1;
        self.last
    }

    /// What the operator decides by.
    pub(super) fn sidecar(&self) -> Sidecar {
        let template = self.template.as_ref().map(|template| {
            let get = |key: &str| template.annotations.get(key).cloned();
            TemplateFacts {
                image: template.image.clone(),
                contract: get(labels::SIDECAR_CONTRACT),
                previous: get(labels::SIDECAR_PREVIOUS_IMAGE),
                refused: get(labels::SIDECAR_REFUSED_IMAGE).map(|image| Refused {
                    image,
                    reason: get(labels::SIDECAR_REFUSED_REASON).unwrap_or_default(),
                }),
            }
        });
        Sidecar {
            requested: IMAGES[self.requested].to_owned(),
            policy: SidecarUpdatePolicy::InPlace,
            at: wall(self.now),
            pod: self
                .seen
                .as_ref()
                .and_then(|seen| PodFacts::of(&seen.object())),
            template,
        }
    }

    /// The operator writes the template. Says whether it is another one.
    pub(super) fn offer(&mut self, chosen: &Chosen) -> bool {
        let template = Template {
            image: chosen.image.clone(),
            annotations: chosen.annotations(&contract(self.contract)),
            contract: self.contract,
            inputs: self.inputs,
        };
        if self.template.as_ref() == Some(&template) {
            return false;
        }
        self.template = Some(template);
        true
    }

    /// The controller of the StatefulSet makes a pod, unless there is one.
    pub(super) fn make_pod(&mut self) -> bool {
        let Some(template) = self.template.clone().filter(|_| self.pod.is_none()) else {
            return false;
        };
        let uid = self.number();
        self.pod = Some(Live {
            uid,
            version: self.number(),
            image: template.image.clone(),
            annotations: template.annotations.clone(),
            made_from: template,
            begun: None,
            reported: Reported::Nothing,
            has_run: false,
        });
        true
    }

    /// The operator changes the pod that it has seen, if it is still that. Says whether it was.
    pub(super) fn edit(&mut self, edit: &Edit) -> bool {
        let version = self.number();
        let Some(pod) = self.pod.as_mut().filter(|pod| {
            let seen = self.seen.as_ref();
            seen.is_some_and(|seen| (seen.uid, seen.version) == (pod.uid, pod.version))
        }) else {
            return false;
        };
        if let Some(image) = &edit.image {
            pod.image.clone_from(image);
        }
        for (key, value) in &edit.annotations {
            match value {
                Some(value) => pod.annotations.insert((*key).to_owned(), value.clone()),
                None => pod.annotations.remove(*key),
            };
        }
        pod.version = version;
        true
    }

    /// What becomes of a container with the image of the pod.
    pub(super) fn program(&self, pod: &Live) -> Program {
        number_of(&pod.image).map_or(Program::Missing, |image| self.program_of(image, pod))
    }

    /// What would become of a container with this image in the pod.
    pub(super) fn program_of(&self, image: usize, pod: &Live) -> Program {
        if image == DEMANDING && pod.made_from.contract == 0 {
            Program::Crashes
        } else {
            self.programs[image]
        }
    }

    /// What crashes does so at once, and not after some time.
    pub(super) fn crash(&mut self) {
        let crashes = self
            .pod
            .as_ref()
            .is_some_and(|pod| pod.runs() && self.program(pod) == Program::Crashes);
        if crashes {
            self.run(false);
        }
    }

    /// The kubelet does what the pod says. `is_slow`: it has begun, and no more. Says whether there was anything to do.
    pub(super) fn run(&mut self, is_slow: bool) -> bool {
        let container = self.number();
        let Some(mut pod) = self.pod.take() else {
            return false;
        };
        let is_new = pod.begun.as_ref() != Some(&pod.image);
        let is_fresh = is_new || pod.reported == Reported::Starting;
        let running = Reported::Running {
            container,
            since: self.now,
        };
        let next = match (self.program(&pod), pod.reported) {
            _ if is_slow && is_new => Reported::Starting,
            (_, now) if is_slow => now,
            // What runs goes on, also if its image could not be pulled any more.
            (Program::Runs | Program::Missing, now @ Reported::Running { .. }) if !is_fresh => now,
            (Program::Runs, _) => running,
            // It crashes after it has been seen running.
            (Program::Crashes, _) if is_fresh => running,
            (program, _) => Reported::Failing(program),
        };
        let has_acted = is_new || next != pod.reported;
        if has_acted {
            pod.begun = Some(pod.image.clone());
            pod.version = container;
            pod.has_run |= matches!(next, Reported::Running { .. });
            pod.reported = next;
        }
        if pod.runs()
            && let Some(number) = number_of(&pod.image)
        {
            self.ran[number] = true;
        }
        self.pod = Some(pod);
        has_acted
    }
}

/// As hashes over what is offered are written.
pub(super) fn contract(number: u8) -> String {
    format!("contract-{number}")
}
