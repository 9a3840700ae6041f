// A service for each test, or one for all of them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::io::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command};
use std::sync::Mutex;

// It also ends with this process, whose end of the socket pair is closed then:
// cat(1) ends, and portexec stops the service.
struct Service {
    address: String,
    ours: UnixStream,
    portexec: Child,
}

impl Service {
    fn start() -> Service {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let portexec = Command::new("portexec")
            .args(["-t", "3", "-c", "echo {addr} >&0; exec cat", "--"])
            .args(["python3", "server.py", "--port", "{port}"])
            .stdin(OwnedFd::from(theirs))
            .spawn()
            .expect("portexec");
        let mut address = String::new();
        BufReader::new(&ours).read_line(&mut address).unwrap();
        assert_ne!(address, "", "portexec has ended");
        address.pop(); // the newline
        Service {
            address,
            ours,
            portexec,
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.ours.shutdown(Shutdown::Both).unwrap();
        let status = self.portexec.wait().unwrap();
        if !std::thread::panicking() {
            assert!(status.success(), "portexec: {status}");
        }
    }
}

fn get(address: &str, path: &str) -> String {
    let mut answer = String::new();
    let mut client = TcpStream::connect(address).unwrap();
    write!(client, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
    client.read_to_string(&mut answer).unwrap();
    answer.split("\r\n\r\n").last().unwrap().to_string()
}

#[test]
fn says_hello() {
    let service = Service::start();
    assert_eq!(get(&service.address, "/rust"), "hello from /rust\n");
}

// It has no end of its own: it ends with the process.
static SHARED: Mutex<Option<Service>> = Mutex::new(None);

fn shared() -> String {
    let mut shared = SHARED.lock().unwrap();
    shared.get_or_insert_with(Service::start).address.clone()
}

#[test]
fn shares() {
    assert_eq!(get(&shared(), "/one"), "hello from /one\n");
}

#[test]
fn shares_again() {
    assert_eq!(get(&shared(), "/two"), "hello from /two\n");
}
