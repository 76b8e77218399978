//! What matters of a story that goes wrong: leaves out deeds and mishaps as long as it still does, then shows the rest.
use std::collections::BTreeSet;

use super::story::{Story, Told, Without};

/// How often a story is told again at most.
const PATIENCE: usize = 600;

/// Finds the least of a story that still goes wrong, and shows it.
pub fn report(story: &Story) -> String {
    let mut shrink = Shrink { told: 0, story: story.clone() };
    shrink.story.traced = false;
    let length = (0..=story.length)
        .find(|length| shrink.goes_wrong(&Story { length: *length, ..shrink.story.clone() }));
    shrink.story.length = length.unwrap_or(story.length);
    shrink.leave_out(|story| (0..story.length).collect(), |without| &mut without.deeds);
    shrink.leave_out(|story| (1..=story.tell().mishaps).collect(), |without| &mut without.mishaps);
    let least = Story { traced: true, ..shrink.story };
    show(story, &least, &least.tell())
}

struct Shrink {
    told: usize,
    story: Story,
}

impl Shrink {
    fn goes_wrong(&mut self, story: &Story) -> bool {
        self.told += 1;
        !story.tell().broken.is_empty()
    }

    /// Leaves out as many things as can be: halves first, then ever less, one by one at last.
    fn leave_out<T: Ord + Copy>(
        &mut self,
        all: impl Fn(&Story) -> Vec<T>,
        of: impl Fn(&mut Without) -> &mut BTreeSet<T>,
    ) {
        let mut left: Vec<T> = all(&self.story);
        let mut size = left.len();
        while size > 0 && !left.is_empty() {
            let mut kept = Vec::new();
            for chunk in left.chunks(size) {
                let mut less = self.story.clone();
                of(&mut less.without).extend(chunk);
                match self.told < PATIENCE && self.goes_wrong(&less) {
                    true => self.story = less,
                    false => kept.extend(chunk),
                }
            }
            left = kept;
            size = if size == 1 { 0 } else { size.div_ceil(2) };
        }
    }
}

/// The deeds, and what happened to the objects that it went wrong for.
fn show(story: &Story, least: &Story, told: &Told) -> String {
    let names: Vec<_> = told.broken.iter().filter_map(|wrong| wrong.split([' ', ':']).nth(1)).collect();
    let peace = told.trace.iter().position(|line| line.contains("all is at rest"));
    let peace = peace.unwrap_or(told.trace.len());
    let matters = |(at, line): &(usize, &String)| {
        let deed = line.contains("***") || line.contains(" * ");
        *at > peace || deed || names.iter().any(|name| line.contains(name))
    };
    let trace: Vec<_> =
        told.trace.iter().enumerate().filter(matters).map(|(_, line)| line.as_str()).collect();
    let deeds = least.length - least.without.deeds.len();
    let mishaps = told.mishaps.saturating_sub(least.without.mishaps.len() as u64);
    format!(
        "SIM_SEED={}: it takes {deeds} of {} deeds and {mishaps} mishaps:\n{}\n\n{}",
        story.seed,
        story.length,
        trace.join("\n"),
        told.broken.join("\n")
    )
}
