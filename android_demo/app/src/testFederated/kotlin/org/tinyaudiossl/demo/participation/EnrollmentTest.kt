package org.tinyaudiossl.demo.participation

import java.net.URLEncoder
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertTrue

class EnrollmentTest {
    private val expected = Enrollment("fl.example.org:8000", PEM, "ab".repeat(32))

    private fun link(server: String, artifact: String, authority: String) =
        "tinyaudio://enroll?server=${URLEncoder.encode(server, "UTF-8")}&artifact=$artifact&authority=$authority"

    private fun der() = PEM.lines().drop(1).takeWhile { !it.startsWith("-----") }.joinToString("")
        .replace('+', '-').replace('/', '_').trimEnd('=')

    @Test
    fun `a file and a link say the same`() {
        assertEquals(expected, Enrollment.parse(expected.toJson()))
        assertEquals(expected, Enrollment.parse(link(expected.server, expected.artifactSha256, der()) + "\n"))
    }

    @Test
    fun `the fingerprint is that of openssl`() {
        assertEquals("8e75769afec03d5730d42eff26f399d0aca017520024ea3bb9c24efe5d7a5114", expected.fingerprint)
    }

    @Test
    fun `what is missing or malformed is named`() {
        val file = expected.toJson()
        val broken = mapOf(
            "hello" to "not an enrollment",
            file.replace("\"format_version\":1", "\"format_version\":2") to "format version 2",
            file.replace("fl.example.org:8000", "https://fl.example.org") to "expected HOST:PORT",
            file.replace("ab".repeat(32), "AB") to "64 hexadecimal digits",
            expected.copy(authority = "none").toJson() to "not a certificate",
            "tinyaudio://enroll?server=a:1" to "no authority",
            link("a:1", expected.artifactSha256, "****") to "authority is malformed",
            link("a:1", expected.artifactSha256, "AAAA") to "not a certificate",
            link("a:1/b", expected.artifactSha256, der()) to "expected HOST:PORT",
        )
        for ((text, why) in broken) {
            val message = assertFailsWith<EnrollmentException>(why) { Enrollment.parse(text) }.message!!
            assertTrue(why in message, message)
        }
    }

    companion object {
        /** Of an authority that signs nothing. */
        val PEM = """
            -----BEGIN CERTIFICATE-----
            MIIBfzCCASWgAwIBAgIUWNx/EfFyFKPj1wcYoVQeqK0IDx0wCgYIKoZIzj0EAwIw
            FDESMBAGA1UEAwwJYXV0aG9yaXR5MCAXDTI2MTEzMDAwMDk0N1oYDzIxMjYxMTA2
            MDAwOTQ3WjAUMRIwEAYDVQQDDAlhdXRob3JpdHkwWTATBgcqhkjOPQIBBggqhkjO
            PQMBBwNCAAT6Kl2HSB8cnzUnSLwvpp+m62AvcWO5EmEW7IIPRvEeNe0SJatoxsBm
            OHgYxcD0e+1+XbWniO37aga0EPT/3W6mo1MwUTAdBgNVHQ4EFgQUsEdcpLUlWthO
            EBEaZSq8ea38HnEwHwYDVR0jBBgwFoAUsEdcpLUlWthOEBEaZSq8ea38HnEwDwYD
            VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiEA1n6q+GfFgF6oZPZ48FfI
            dPoWOMeuFEB4TglG8q3+/4ICIHS0IoJhT1MDunn38OKwaGnKJhSr6Qbk8o/VQGNL
            3JXS
            -----END CERTIFICATE-----
        """.trimIndent() + "\n"
    }
}
