//! What servers say again and again, or at great length: how often they are asked, and how much of it is shown.
