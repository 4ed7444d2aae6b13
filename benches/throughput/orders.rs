//! The orders that are posted: one prebuilt request a connection, with two places that change.
//!
//! Order ids and e-mail addresses are random, never sequential: an index fed with ascending keys is kinder to a
//! database than real traffic is. All have the same length, so that a new order is 32 characters written over the old
//! ones, and the generator leaves the processor to the server that it measures.

use std::hash::{BuildHasher, RandomState};

const ID_LENGTH: usize = 16;
const ORDER_PLACE: &str = "ORDER-ID-16-CHAR";
const CUSTOMER_PLACE: &str = "CUSTOMER-16-CHAR";
const BODY: &str = concat!(
    r#"{"orderId":"ORDER-ID-16-CHAR","email":"CUSTOMER-16-CHAR@example.com","price":"$10.25","quantity":2,"items":["#,
    r#"{"sku":"A-1001","title":"Blue shirt, long sleeves","quantity":1,"price":"$7.25"},"#,
    r#"{"sku":"B-2002","title":"Socks","quantity":1,"price":"$3.00"}]}"#
);

/// An order: its id and the customer that it is from, both shown as 16 hex characters.
#[derive(Clone, Copy)]
pub struct Order {
    id: u64,
    customer: u64,
}

impl Order {
    /// The body of its request, on one line.
    pub fn body(self) -> String {
        let hex = |value: u64| format!("{value:016x}");
        BODY.replace(ORDER_PLACE, &hex(self.id)).replace(CUSTOMER_PLACE, &hex(self.customer))
    }
}

/// Who orders: first every regular customer once, then regulars and newcomers in equal parts.
pub struct Orders {
    random: Random,
    regulars: Vec<u64>,
    introduced: usize,
}

impl Orders {
    /// Orders from newcomers only.
    pub fn from_newcomers() -> Orders {
        Orders::with_regulars(0)
    }

    /// The first `regulars` orders introduce a regular each. Let them finish before what is measured: two orders of
    /// one unknown customer at the same moment are a race of their own, which this benchmark is not about.
    pub fn with_regulars(regulars: usize) -> Orders {
        let mut random = Random::new();
        Orders { regulars: (0..regulars).map(|_| random.next()).collect(), random, introduced: 0 }
    }

    /// Other orders from the same customers.
    pub fn fork(&self) -> Orders {
        Orders { random: Random::new(), regulars: self.regulars.clone(), introduced: self.introduced }
    }

    pub fn next(&mut self) -> Order {
        let id = self.random.next();
        let customer = if let Some(&regular) = self.regulars.get(self.introduced) {
            self.introduced += 1;
            regular
        } else {
            let draw = self.random.next();
            let returns = draw & 1 == 0 && !self.regulars.is_empty();
            if returns { self.regulars[(draw >> 1) as usize % self.regulars.len()] } else { self.random.next() }
        };
        Order { id, customer }
    }
}

/// The bytes of a POST, head and body.
#[derive(Clone)]
pub struct Request {
    bytes: Vec<u8>,
    order_at: usize,
    customer_at: usize,
}

impl Request {
    pub fn new(path: &str) -> Request {
        let text = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{BODY}",
            BODY.len()
        );
        let place = |mark| text.find(mark).expect("the body holds the mark");
        Request { order_at: place(ORDER_PLACE), customer_at: place(CUSTOMER_PLACE), bytes: text.into_bytes() }
    }

    /// The request for `order`.
    pub fn fill(&mut self, order: Order) -> &[u8] {
        write_hex(&mut self.bytes[self.order_at..][..ID_LENGTH], order.id);
        write_hex(&mut self.bytes[self.customer_at..][..ID_LENGTH], order.customer);
        &self.bytes
    }
}

fn write_hex(place: &mut [u8], mut value: u64) {
    for byte in place {
        value = value.rotate_left(4);
        *byte = b"0123456789abcdef"[(value & 15) as usize];
    }
}

/// SplitMix64 from an unpredictable start: a few instructions a number, and no two runs alike.
struct Random(u64);

impl Random {
    fn new() -> Random {
        // The standard library seeds its hash maps from the system's randomness; that saves a dependency.
        Random(RandomState::new().hash_one(std::process::id()))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}
