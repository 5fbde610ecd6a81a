package org.tinyaudiossl.federated.fleet

import java.io.IOException
import java.nio.file.Files
import kotlin.io.encoding.Base64
import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse

class NodeKeyTest {
    private val file = Files.createTempDirectory("key").resolve("node").toFile()

    @Test
    fun aKeyIsMadeOnceAndIsItsOwnersAlone() {
        val made = NodeKey.open(file)
        assertContentEquals(made.publicPem, NodeKey.open(file).publicPem)
        val permissions = Files.getPosixFilePermissions(file.toPath()).joinToString { it.name }
        assertFalse("GROUP" in permissions || "OTHERS" in permissions, permissions)
    }

    @Test
    fun aFileThatIsNoKeyIsAnErrorAndStays() {
        for (text in listOf("", "-----BEGIN PRIVATE KEY-----\n!!\n-----END PRIVATE KEY-----\n")) {
            file.writeText(text)
            assertFailsWith<IOException> { NodeKey.open(file) }
            assertEquals(text, file.readText())
        }
    }

    @Test
    fun base64OfEveryLengthComesBack() {
        for (size in 0..9) {
            val bytes = ByteArray(size) { (37 * it - 100).toByte() }
            assertEquals(java.util.Base64.getEncoder().encodeToString(bytes), Base64.encode(bytes))
            assertContentEquals(bytes, Base64.decode(Base64.encode(bytes)))
        }
    }
}
