//! Percentiles of what was measured several times.

/// Some values of one kind, in order.
#[derive(Clone, Debug, Default)]
pub struct Spread(Vec<f64>);

impl Spread {
    /// Of these values, whatever their order.
    pub fn new(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self(values)
    }

    /// The smallest value that so many percent of all are not above; 0 if there are none.
    pub fn percentile(&self, percent: usize) -> f64 {
        let rank = (self.0.len() * percent).div_ceil(100).max(1);
        self.0.get(rank - 1).copied().unwrap_or_default()
    }

    /// The value in the middle.
    pub fn p50(&self) -> f64 {
        self.percentile(50)
    }

    /// See [`Self::percentile`].
    pub fn p99(&self) -> f64 {
        self.percentile(99)
    }

    /// The largest value.
    pub fn max(&self) -> f64 {
        self.percentile(100)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let spread = Spread::new((1..=200).rev().map(f64::from).collect());
        let seen = [
            spread.p50(),
            spread.p99(),
            spread.max(),
            spread.percentile(0),
        ];
        assert!(
            seen.map(|value| value.to_string()) == ["100", "198", "200", "1"],
            "{seen:?}"
        );
    }

    #[test]
    fn nothing_has_no_percentile() {
        assert!(Spread::default().max().abs() < f64::EPSILON);
    }
}
