// A service that takes its listening socket at fd 3, as under systemd.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::io::{FromRawFd, OwnedFd};
use std::{env, io, process};

fn answer(mut client: TcpStream) -> io::Result<()> {
    if client.read(&mut [0; 1024])? > 0 {
        client.write_all(b"HTTP/1.0 200 OK\r\n\r\nhello from fd 3\n")?;
    }
    Ok(())
}

fn main() -> io::Result<()> {
    let is = |name, value: &str| env::var(name).as_deref() == Ok(value);
    if !is("LISTEN_PID", &process::id().to_string()) || !is("LISTEN_FDS", "1") {
        eprintln!("hello: expects one socket, passed to this process");
        process::exit(1);
    }
    // The duplicate is close-on-exec; the original is closed here.
    let passed = unsafe { OwnedFd::from_raw_fd(3) }.try_clone()?;
    for client in TcpListener::from(passed).incoming() {
        let _ = client.and_then(answer); // one that hung up is no matter
    }
    Ok(())
}
