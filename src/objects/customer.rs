//! Customers.
pub struct Customer;
pub struct Email;
pub struct Phone;
