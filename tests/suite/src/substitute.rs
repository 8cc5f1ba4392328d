//! Instead of the operator of a world: none, or one with other settings. For tests that have the world to themselves.

use dittofs_rig::installation::Installation;
use std::sync::{MutexGuard, PoisonError};

use crate::Outcome;
use crate::world::Scene;

/// The operator of the world starts again when this is dropped.
pub struct Substitute<'a> {
    scene: &'a Scene,
    /// Variables of the environment, such as `NAME=value`.
    settings: Vec<String>,
}

impl<'a> Substitute<'a> {
    /// No operator.
    pub fn none(scene: &'a Scene) -> Self {
        let none = Self {
            scene,
            settings: Vec::new(),
        };
        none.stop();
        none
    }

    /// An operator with these settings.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(
        scene: &'a Scene,
        settings: &[String],
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let operator = Self {
            scene,
            settings: settings.to_vec(),
        };
        operator.again(true)?;
        Ok(operator)
    }

    /// Stops it.
    pub fn stop(&self) {
        self.installation().stop_operator(true);
    }

    /// Stops it, gently or by a kill, and starts it.
    ///
    /// # Errors
    /// It does not start.
    pub fn again(&self, gently: bool) -> Outcome {
        let world = &self.scene.world;
        let settings: Vec<_> = self.settings.iter().map(String::as_str).collect();
        let mut installation = self.installation();
        installation.stop_operator(gently);
        installation.start_operator_with(&world.cluster, &world.programs, &settings)?;
        Ok(())
    }

    fn installation(&self) -> MutexGuard<'_, Installation> {
        let installation = self.scene.world.installation.lock();
        installation.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Substitute<'_> {
    fn drop(&mut self) {
        let world = &self.scene.world;
        let mut installation = self.installation();
        installation.stop_operator(true);
        if let Err(error) = installation.start_operator(&world.cluster, &world.programs) {
            eprintln!("the operator of the world does not start again: {error}");
        }
    }
}
