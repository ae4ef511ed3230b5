//! Each job of a rayon pool walks a folder with jwalk, which reads it in jobs of the same pool.

use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

fn main() {
    rayon::ThreadPoolBuilder::new().num_threads(2).thread_name(|index| format!("pool-{index}")).build_global().unwrap();
    let n_files: usize = (0..2).into_par_iter().map(|_| jwalk::WalkDir::new("/proc/self/fd").into_iter().count()).sum();
    println!("{n_files} files");
}
