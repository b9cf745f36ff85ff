"""The whole district as sixty departments would deliver it: places, houses, street furniture, people and records."""
