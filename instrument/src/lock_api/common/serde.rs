//! Locks as data: the lock is transparent.

use ::serde::{Deserialize, Deserializer, Serialize, Serializer};

#[cfg(feature = "atomic_usize")]
use super::super::raw::GetThreadId;
use super::super::raw::{RawMutex, RawRwLock};
use super::mutex::Mutex;
#[cfg(feature = "atomic_usize")]
use super::remutex::ReentrantMutex;
use super::rwlock::RwLock;

impl<R: RawMutex, T: Serialize + ?Sized> Serialize for Mutex<R, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.lock().serialize(serializer)
    }
}

impl<'de, R: RawMutex, T: Deserialize<'de>> Deserialize<'de> for Mutex<R, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self::new)
    }
}

impl<R: RawRwLock, T: Serialize + ?Sized> Serialize for RwLock<R, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.read().serialize(serializer)
    }
}

impl<'de, R: RawRwLock, T: Deserialize<'de>> Deserialize<'de> for RwLock<R, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self::new)
    }
}

#[cfg(feature = "atomic_usize")]
impl<R: RawMutex, G: GetThreadId, T: Serialize + ?Sized> Serialize for ReentrantMutex<R, G, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.lock().serialize(serializer)
    }
}

#[cfg(feature = "atomic_usize")]
impl<'de, R: RawMutex, G: GetThreadId, T: Deserialize<'de>> Deserialize<'de> for ReentrantMutex<R, G, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self::new)
    }
}
