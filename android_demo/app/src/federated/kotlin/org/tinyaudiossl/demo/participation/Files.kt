package org.tinyaudiossl.demo.participation

import java.io.File
import java.io.IOException

/**
 * Writes [text], whole or not at all. The folder is not made: after [Membership.forget] it is gone, and
 * nothing comes back.
 * @throws IOException it can't be written.
 */
internal fun File.replace(text: String) {
    val part = File("$path.part")
    part.outputStream().use {
        it.write(text.toByteArray())
        it.fd.sync()
    }
    if (!part.renameTo(this)) throw IOException("$this can't be written")
}
