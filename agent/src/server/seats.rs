//! Who may have how many connections at once.
//!
//! Both sockets can be opened by every process of the host. Invariant: no one uid, and not all uids
//! together, can keep root (sshd, login, sudo) from a seat.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The connections that one socket has and may have.
#[derive(Clone)]
pub(super) struct Seats(Arc<Inner>);

struct Inner {
    root_limit: usize,
    others_limit: usize,
    one_limit: usize,
    taken: Mutex<HashMap<u32, usize>>,
}

/// One connection's place; given back when dropped.
pub(super) struct Seat {
    seats: Seats,
    uid: u32,
}

impl Seats {
    pub(super) fn new(root_limit: usize, others_limit: usize, one_limit: usize) -> Self {
        Self(Arc::new(Inner {
            root_limit,
            others_limit,
            one_limit,
            taken: Mutex::new(HashMap::new()),
        }))
    }

    /// A seat for a connection of `uid`; `None` if it has as many as it may have.
    pub(super) fn take(&self, uid: u32) -> Option<Seat> {
        let mut taken = self.taken();
        let own = taken.get(&uid).copied().unwrap_or(0);
        let free = if uid == ROOT {
            own < self.0.root_limit
        } else {
            let others: usize = taken
                .iter()
                .filter(|(uid, _)| **uid != ROOT)
                .map(|(_, count)| *count)
                .sum();
            own < self.0.one_limit && others < self.0.others_limit
        };
        if !free {
            return None;
        }
        taken.insert(uid, own + 1);
        Some(Seat {
            seats: self.clone(),
            uid,
        })
    }

    // A count is whole whenever the lock is free; a panic elsewhere can't have torn it.
    fn taken(&self) -> MutexGuard<'_, HashMap<u32, usize>> {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.taken();
        match taken.get(&self.uid) {
            Some(count) if *count > 1 => {
                let left = count - 1;
                taken.insert(self.uid, left);
            }
            _ => {
                taken.remove(&self.uid);
            }
        }
    }
}

/// The uid of root.
pub(super) const ROOT: u32 = 0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_can_take_roots_seats() {
        let seats = Seats::new(2, 3, 2);
        let mut held = Vec::new();
        for uid in [1000, 1000, 1000, 1001, 1002] {
            held.push(seats.take(uid));
        }
        let got: Vec<bool> = held.iter().map(Option::is_some).collect();
        assert_eq!(got, [true, true, false, true, false]);
        let root: Vec<_> = (0..3).map(|_| seats.take(ROOT)).collect();
        assert_eq!(root.iter().flatten().count(), 2);
    }

    #[test]
    fn a_seat_is_given_back() {
        let seats = Seats::new(1, 1, 1);
        let seat = seats.take(1000);
        assert!(seat.is_some() && seats.take(1000).is_none());
        drop(seat);
        assert!(seats.take(1000).is_some());
        assert!(seats.taken().is_empty());
    }
}
