package org.tinyaudiossl.demo.federation

import android.security.keystore.AndroidKeyStore
import java.nio.file.Files
import java.security.Security
import java.security.Signature
import kotlin.test.AfterTest
import kotlin.test.BeforeTest
import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertTrue

/** With a stand-in of Android's keystore. */
class PhoneKeyTest {
    private val state = Files.createTempDirectory("state").toFile()
    private val keystore = AndroidKeyStore()

    @BeforeTest
    fun prepare() {
        Security.addProvider(keystore)
        AndroidKeyStore.knowsTheCurve = true
    }

    @AfterTest
    fun tidy() {
        Security.removeProvider(keystore.name)
        AndroidKeyStore.keys.clear()
        state.deleteRecursively()
    }

    @Test
    fun `the key is made once, in the keystore and in no file`() {
        val made = PhoneKey.open(state)
        assertContentEquals(made.publicPem, PhoneKey.open(state).publicPem)
        assertTrue(state.list()!!.isEmpty())
        val (key) = AndroidKeyStore.keys.values.toList()
        val verified = Signature.getInstance("SHA256withECDSA").run {
            initVerify(key.public)
            update("now".toByteArray())
            verify(made.sign("now".toByteArray()))
        }
        assertTrue(verified)
    }

    @Test
    fun `a key that the keystore can't make is in a file`() {
        AndroidKeyStore.knowsTheCurve = false
        val made = PhoneKey.open(state)
        assertEquals(listOf("node.key"), state.list()!!.toList())
        AndroidKeyStore.knowsTheCurve = true // after an update of the system, it is still the same
        assertContentEquals(made.publicPem, PhoneKey.open(state).publicPem)
    }

    @Test
    fun `a deleted key is gone`() {
        val made = PhoneKey.open(state)
        PhoneKey.delete()
        assertTrue(AndroidKeyStore.keys.isEmpty())
        assertFalse(made.publicPem.contentEquals(PhoneKey.open(state).publicPem))
    }
}
