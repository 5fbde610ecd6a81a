package org.tinyaudiossl.federated

import java.io.File
import java.io.IOException

/**
 * Write [content] to this file, whole or not at all. The folder is not made.
 * @throws IOException it can't be written; then the file is as it was.
 */
fun File.writeAtomically(content: ByteArray) {
    val part = File("$path.part")
    try {
        part.outputStream().use {
            it.write(content)
            it.fd.sync()
        }
        if (!part.renameTo(this)) throw IOException("$this can't be written")
    } finally {
        part.delete()
    }
}
