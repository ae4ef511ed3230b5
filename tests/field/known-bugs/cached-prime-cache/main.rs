//! Primes the cache of a function that calls itself.

use cached::macros::cached;

#[cached]
fn factorial(n: u64) -> u64 {
    if n == 0 {
        1
    } else {
        n * factorial(n - 1)
    }
}

fn main() {
    factorial_prime_cache(3);
}
