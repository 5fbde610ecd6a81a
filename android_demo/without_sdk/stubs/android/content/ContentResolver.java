package android.content;

import android.net.Uri;
import java.io.FileNotFoundException;
import java.io.InputStream;
import java.io.OutputStream;

public abstract class ContentResolver {
    public ContentResolver(Context context) {}
    public final InputStream openInputStream(Uri uri) throws FileNotFoundException { throw new RuntimeException("Stub!"); }
    public final OutputStream openOutputStream(Uri uri) throws FileNotFoundException { throw new RuntimeException("Stub!"); }
}
