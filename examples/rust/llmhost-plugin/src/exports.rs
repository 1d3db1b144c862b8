//! The functions that a module exports, and the memory that crosses with them.

use std::alloc::{alloc, dealloc, Layout};
use std::cell::RefCell;

use crate::plugin::Plugin;
use crate::server::Server;

thread_local! {
    // The one plugin of this module: what a module exports can be reached in no other way.
    static SERVER: RefCell<Option<Server>> = const { RefCell::new(None) };
}

/// Calls f with the module's server. It is for export! alone.
#[doc(hidden)]
pub fn exported<R>(plugin: fn() -> Plugin, f: impl FnOnce(&mut Server) -> R) -> R {
    SERVER.with(|server| {
        let mut server = server.borrow_mut();
        f(server.get_or_insert_with(|| {
            report_panics();
            Server::new(plugin())
        }))
    })
}

/// Hands a reply over: its address and length in one number.
#[doc(hidden)]
pub fn exported_reply(bytes: Vec<u8>) -> u64 {
    let bytes = bytes.into_boxed_slice();
    let size = bytes.len() as u64;
    (Box::into_raw(bytes) as *mut u8 as u64) << 32 | size
}

fn layout(size: u32) -> Layout {
    Layout::from_size_align(size.max(1) as usize, 1).expect("a size below 2 GiB")
}

/// Memory of size bytes for the host to write to, 0 where there is none.
#[doc(hidden)]
pub fn give(size: u32) -> u32 {
    if size > i32::MAX as u32 {
        return 0;
    }
    // Safety: the size is not 0.
    unsafe { alloc(layout(size)) as usize as u32 }
}

/// Frees what give or exported_reply gave.
#[doc(hidden)]
pub fn take(pointer: u32, size: u32) {
    // Safety: the contract has the host pass what it got, once.
    unsafe { dealloc(pointer as usize as *mut u8, layout(size)) }
}

/// Sends the text of a panic to the host, which shows it with the error.
fn report_panics() {
    #[cfg(target_arch = "wasm32")]
    std::panic::set_hook(Box::new(|info| {
        #[link(wasm_import_module = "llmhost_v2")]
        extern "C" {
            fn log(level: u32, pointer: *const u8, size: usize);
        }
        let text = info.to_string();
        // Safety: the text outlives the call.
        unsafe { log(3, text.as_ptr(), text.len()) }
    }));
}

/// Makes the module's exports out of a function that returns the plugin.
#[macro_export]
macro_rules! export {
    ($plugin:path) => {
        const _: fn() -> $crate::Plugin = $plugin; // so that it is in use where nothing is exported

        #[cfg(target_arch = "wasm32")]
        mod llmhost_exports {
            use super::*;

            /// What the host wrote into memory that llmhost_alloc gave it.
            unsafe fn bytes<'a>(pointer: u32, size: u32) -> &'a [u8] {
                std::slice::from_raw_parts(pointer as *const u8, size as usize)
            }

            #[no_mangle]
            pub extern "C" fn llmhost_abi_v2() {}

            #[no_mangle]
            pub extern "C" fn llmhost_alloc(size: u32) -> u32 {
                $crate::give(size)
            }

            #[no_mangle]
            pub extern "C" fn llmhost_free(pointer: u32, size: u32) {
                $crate::take(pointer, size)
            }

            #[no_mangle]
            pub extern "C" fn llmhost_describe() -> u64 {
                $crate::exported_reply($crate::exported($plugin, |s| s.describe()))
            }

            #[no_mangle]
            pub unsafe extern "C" fn llmhost_configure(component: u32, pointer: u32, size: u32) -> u64 {
                $crate::exported_reply($crate::exported($plugin, |s| s.configure(component, bytes(pointer, size))))
            }

            #[no_mangle]
            pub unsafe extern "C" fn llmhost_trace(instance: u32, pointer: u32, size: u32) -> u64 {
                $crate::exported_reply($crate::exported($plugin, |s| s.trace(instance, bytes(pointer, size))))
            }

            #[no_mangle]
            pub unsafe extern "C" fn llmhost_format(instance: u32, pointer: u32, size: u32) -> u64 {
                $crate::exported_reply($crate::exported($plugin, |s| s.format(instance, bytes(pointer, size))))
            }

            #[no_mangle]
            pub extern "C" fn llmhost_close(instance: u32) {
                $crate::exported($plugin, |s| s.close(instance))
            }
        }
    };
}
