package android.content.res

import java.io.File
import java.io.InputStream

/** An app's assets for tests on a computer: the files of a folder. */
class AssetManager(private val folder: File) {
    fun list(path: String): Array<String>? = File(folder, path).list()
    fun open(name: String): InputStream = File(folder, name).inputStream()
}
