//! Ctrl-C and the wish to terminate: the first asks the work to stop, the second ends the program.

use lapidary_core::interrupt;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::failure::Failure;
use crate::{display, output};

/// Starts to listen. SIGHUP stays as it was, so that `nohup` works.
///
/// # Errors
/// When the system refuses the handlers.
pub fn listen() -> Result<(), Failure> {
    let refused = |e: std::io::Error| Failure::failed(format!("signals cannot be handled: {e}"));
    let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(refused)?;
    let wait = move || {
        for _ in signals.forever() {
            if interrupt::requested() {
                // Exit handlers must not run: libtorch's threads are still at work.
                signal_hook::low_level::exit(1);
            }
            interrupt::request();
            display::suspend(|| {
                // Said now: what ends at once must not wait for whoever holds standard error.
                let text = "stopping at the next safe point; once more ends at once and leaves `running` in run.json; \
                            the same command resumes either way";
                output::remark(text);
            });
        }
    };
    let thread = std::thread::Builder::new().name("signals".to_owned());
    thread.spawn(wait).map_err(refused)?;
    Ok(())
}
